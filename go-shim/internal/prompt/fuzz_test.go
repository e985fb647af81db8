package prompt

import (
	"strings"
	"testing"
)

// FuzzChoice types any line at a question: nothing but the key of an option alone may allow anything.
func FuzzChoice(f *testing.F) {
	for _, seed := range []string{"y", "Y", " y ", "n no, later", "", "yes", "y y", "a\t", "ｙ", "\x00y", "y\u00a0x", "ſ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		option, comment := choose(request("p").GetOptions(), line)
		switch {
		case option == nil && comment != "":
			t.Errorf("%q has a reason for nothing", line)
		case option != nil && !isRejection(option) && !strings.EqualFold(strings.TrimSpace(line), option.GetKey()):
			t.Errorf("%q allows %s", line, option.GetOptionId())
		case option != nil && !strings.EqualFold(strings.TrimSpace(line)[:1], option.GetKey()):
			t.Errorf("%q chooses %s", line, option.GetOptionId())
		}
	})
}
