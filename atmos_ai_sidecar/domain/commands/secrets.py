"""Words that name secrets."""

import re

_SECRET = re.compile(
    r"""
      (?:^|[/=:@,\\])
      (?: \.env(?:[.\-_].*)?(?:$|/) | [^/]*\.env$ | [^/]*\.tfstate[^/]* | errored\.tfstate | terraform\.tfstate\.d
        | [^/]*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|asc|gpg|ovpn)$
        | [^/]*id_(?:rsa|dsa|ecdsa|ed25519)[^/]*
        | \.(?:netrc|pgpass|npmrc|pypirc|git-credentials|vault-token|terraformrc|my\.cnf|boto|s3cfg|htpasswd)$
        | [^/]*credentials?(?:\.[^/]*)?$ | [^/]*secrets?(?:\.[^/]*)?$ | \.?kubeconfig[^/]*$
        | \.(?:aws|ssh|kube|gnupg|azure|docker|terraform\.d|atmos-ai|password-store)(?:/|$)
        | \.config/(?:gcloud|gh|atmos|atmos-ai|op|sops)(?:/|$)
        | [^/]*_history$ | environ$ | g?shadow-?$ | sudoers(?:$|\.d)
      )
    | ^/proc/[^/]+/(?:environ|cmdline|mem|root|fd|cwd|task) | /dev/(?:mem|kmem|tcp|udp)
    | (?:^|=)fileb?://
    """,
    re.VERBOSE | re.IGNORECASE,
)


def names_secret(word: str) -> bool:
    """Whether a word looks like a file or a folder with secrets. Too wide on purpose: a wrong yes only asks."""
    plain = re.sub(r"/(?:\./|/)*", "/", word)
    return _SECRET.search(plain) is not None
