"""The kinds of questions and how people word them. Pure."""

import re

CHANGE = (
    r"set|change|update|increase|raise|lower|reduce|bump|edit|switch|scale|turn|enable|disable|replace|make(?! an? )"
    r"|adjust|double|halve"
)
LISTING = (
    r"ls|which|what|list|show|how many|name|are there|any|all|every|have|tell|give|see|count|enumerate|display|print"
)
POLITE = r"^\s*(?:(?:please|now|ok|okay|then|and|can|could|would|will|you|i|want|to|let'?s|d|like|'d|go ahead,?)\s+)*"
LAST_STAGE = r"\S*(?:prod|dev|staging)\w*\W*$"
IN_FILE = r"\.(?:ya?ml|tf|md|json|rego|txt)\b"

KINDS: tuple[tuple[str, ...], ...] = (
    (
        "undo",
        r"\bundo\b|\brevert\b|restore the (?:file|old)",
        r"\b(?:take|change|put|roll|turn) (?:that|it|this|everything) back|roll\s?back",
        r"\bback to (?:how|what|the way) it was|\b(?:as|how|the way) it was before\b",
    ),
    (
        "edit",
        POLITE + rf"(?:in \S+,?\s+)?(?:{CHANGE})\b",
        POLITE + r"(?:(?:give|use|run|have)\b.*\s)?\d+ (?:replicas|cpu|mib)\b",
        r"^(?!\s*(?:what|which|why|where|who|how|is|are|do|does)\b)[^?]*\b(?:should|must|(?:has|needs) to) be\b",
        r"^(?!\s*(?:what|which|why|where|who|how|is|are|do|does)\b)[^?]*\b(?:should|must|needs to) have \d",
        r"^[^?]* =\s*[\w./-]+[^?]*$",
    ),
    ("components", r"^\s*(?:which|what) components (?:can|may|could|should) (?:i|we)\b"),
    (
        "affected",
        r"\baffect|chang\w* (?:since|against|on (?:my|this|the) branch|compared)|since main|(?:my|this) branch",
        r"\beffected\b|what (?:did|have) (?:i|we) chang|\b(?:pull|merge) request\b|\b(?:my|this|the) pr\b",
    ),
    (
        "dependents",
        r"depend|\bwho (?:uses|needs)|what (?:uses|needs|breaks)|relies on|rely on|downstream|blast radius|\bimpact of",
        r"\bcomponents? (?:that )?(?:need|use|require)s?\b|\b(?:anything|something|anyone) (?:us|need)(?:ing|e?s)\b",
        r"\bimpacted (?:if|by|when)\b|\bconnected (?:to|with)\b|\bbreaks? (?:if|when|without)\b",
        r"\b(?:remove|delete|destroy)\b.*\bsafely\b|\bsafely (?:remove|delete|destroy)\b",
        r"(?:what (?:would|will|could) (?:happen|break)|what if|safe to).*\b(?:destroy|remove|delete|change)",
    ),
    (
        "compare",
        r"(?:bigger|larger|smaller|cheaper|more|fewer|less) .*\bthan\b|\bthe (?:most|fewest|biggest|largest)\b",
        r"\bcontrast|side.by.side|\bidentical\b|\b(?:un|not )equal|\bdrift",
        r"\bfrom \S*(?:dev|prod|staging)\w* to \S*(?:dev|prod|staging)",
        r"\bcompar|differ|\bvs\b|\bversus\b|\bdiff\b|same as|^\s*(?:is|are|do|does)\b.*\bsame\b",
    ),
    ("run", POLITE + r"(?:run|execute)\b(?!.*\bplan\b)(?!\s+(?:(?:a|the|all)\s+)*(?:validation|checks?)\b)"),
    ("plan", r"\bplan(?:s|ned|ning)?\b|dry[- ]?run|what (?:would|will) (?:terraform|change|happen)|preview"),
    ("apply", POLITE + r"(?:apply|deploy|destroy|tear down|provision)\b(?!/)"),
    (
        "validate",
        r"\bvalid|\blint\b|\bverif(?:y|ication)|\brun (?:(?:a|the|all) )*checks?\b",
        r"\b(?:is|are) (?:everything|it all|(?:(?:all|my|the|our) )+\w+) (?:ok|okay|fine|correct|right|in order)\b",
        r"\b(?:stacks?|config\w*|yaml) files? (?:ok|okay|fine|correct|right)\b|\bcheck out\b",
        r"\bis (?:anything|something) (?:broken|wrong|off)\b",
        r"(?:any|find) (?:errors|problems|mistakes)",
        r"\bcheck (?:the |all |my |our |every )?(?:stack|config|project|polic|everything|schema)",
    ),
    (
        "report",
        r"\breport\b|write-?up|overview|\binventory\b|\bhandbook\b|\btour\b|long answer|everything about",
        r"(?:document|explain|describe) (?:(?:the|this|our|whole|entire) )*(?:project|fleet|repo|everything)",
        r"(?:what is|what's|documentation (?:for|of)) (?:the|this|our) (?:project|fleet|repo)",
        r"what does (?:the|this|our) (?:project|fleet|repo\w*) (?:contain|have|do)|\b(?:long|in) markdown\b",
        r"summar\w+ (?:of )?(?:the|this|our) (?:project|fleet|stacks)",
    ),
    ("recap", rf"summar[iy](?!.*{IN_FILE})|\brecap\b|\bcompact\b|so far\b|what (?:did|have) we\b(?! deploy)"),
    ("read", r"(?:\b(?:read|open|cat|print|show|see|display)\b|contents? of|what(?: i|')s in|look at|^).*" + IN_FILE),
    (
        "search",
        r"(?:which|what) files? (?:mention|contain|use|set|define|ha|is|do)",
        r"\bsearch|\bgrep\b|where(?:'s| is| are| do| does| can)\b",
        r"\bwho (?:set|define|mention)s\b|\bfind\b|\blocate\b|look for|mention|occurrences? of",
    ),
    ("files", r"\bfiles\b|\bfolders?\b|\bdirector(?:y|ies)\b"),
    (
        "components",
        rf"(?:{LISTING})\b.*\bcomponents\b|\bcomponents\b.*\?|^\s*components\b",
        r"what(?:'s| is| runs| do we have)? ?(?:(?:there|deployed|running) )?in (?:the )?" + LAST_STAGE,
        r"\bwhat (?:have|did|do) we deploy|^\s*(?:all )?components\b",
        r"\b(?:which|what) component (?:is|are|exists?|runs?)\b.*\bin\b",
        r"\b(?:list|show)(?: me)? everything (?:(?:that|which) )?(?:is |runs )?in\b",
    ),
    (
        "stacks",
        rf"(?:{LISTING})\b.*\b(?:stacks|environments|stages)\b|\b(?:stacks|environments)\b.*\?|^\s*stacks\b",
        r"^\s*(?:show|list|name|give)(?: me)? (?:every|each) stack\b",
        r"\b(?:which|what) stack (?:(?:do|does|did) (?:we|you|i|it) (?:have|has|got)|(?:is|are) there|exists?)\b",
        r"\bstack list\b|where can (?:i|we) deploy|what can (?:i|we) deploy to",
    ),
    (
        "describe",
        r"\bdescribe\b|\bdetails?\b|\bsettings?\b|\bvariables?\b|\bvars\b|\bconfigur|tell me|\bshow\b",
        r"\bwhat\b|\bwhich\b|how (?:many|much|big|large)|^\s*(?:is|are|does)\b|give me|\bvalue\b",
    ),
)
"""Each kind of question with its wordings; the first that matches wins, so the narrow ones stand first."""


def kind_of(question: str) -> str:
    """Return the kind of a question in plain words; "unknown" for one that no rule is for."""
    for kind, *wordings in KINDS:
        if any(re.search(wording, question, re.IGNORECASE) for wording in wordings):
            return kind
    return "unknown"
