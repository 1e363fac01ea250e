"""Names that have several spellings in PostgreSQL: locales, encodings.

Each function gives the one spelling that the rest of pgdeploy compares.
"""

from __future__ import annotations

import re


def locale_name(spelling: str) -> str:
    """A locale with its encoding spelled one way: en_US.UTF-8 and en_US.utf8 are the same."""
    language, point, rest = spelling.partition(".")
    encoding, at, modifier = rest.partition("@")
    if not point:
        return "C" if spelling == "POSIX" else spelling
    return f"{language}.{re.sub(r'[^a-z0-9]', '', encoding.lower())}{at}{modifier}"


_POSIX = "en-us-u-va-posix"
_LANGUAGES = {"root": "und", "iw": "he", "in": "id", "ji": "yi"}
_KEYWORDS = {
    "calendar": "ca",
    "collation": "co",
    "currency": "cu",
    "colalternate": "ka",
    "colbackwards": "kb",
    "colcasefirst": "kf",
    "colcaselevel": "kc",
    "colhiraganaquaternary": "kh",
    "colnormalization": "kk",
    "colnumeric": "kn",
    "colreorder": "kr",
    "colstrength": "ks",
}
_KEYWORD_VALUES = {
    "yes": "true",
    "no": "false",
    "primary": "level1",
    "secondary": "level2",
    "tertiary": "level3",
    "quaternary": "level4",
    "identical": "identic",
    "non-ignorable": "noignore",
    "phonebook": "phonebk",
    "traditional": "trad",
    "dictionary": "dict",
    "gb2312han": "gb2312",
}


def icu_locale(spelling: str) -> str:
    """An ICU locale as a language tag in lower case: from 16 the server stores one, whatever it was given.

    en_US, EN-us and en_US.UTF-8 are en-us; de_DE@collation=phonebook is de-de-u-co-phonebk.
    """
    plain, _, keywords = spelling.lower().partition("@")
    tag, _, private = plain.partition(".")[0].replace("_", "-").partition("-x-")
    if tag in ("c", "posix", "en-us-posix"):
        return _POSIX
    words, _, extension = tag.partition("-u-")
    language, dash, rest = words.partition("-")
    keys = _extension_keys(extension) | _keyword_keys(keywords)
    text = (_LANGUAGES.get(language, language) or "und") + dash + rest
    if keys:
        text += "-u-" + "-".join(f"{key}-{keys[key]}" for key in sorted(keys))
    return f"{text}-x-{private}" if private else text


def _extension_keys(extension: str) -> dict[str, str]:
    """Keys have two characters and stand in any order; one without a value is true."""
    keys: dict[str, list[str]] = {}
    for word in filter(None, extension.split("-")):
        if len(word) == 2 or not keys:
            keys[word] = []
        else:
            keys[list(keys)[-1]].append(word)
    return {key: "-".join(words) or "true" for key, words in keys.items()}


def _keyword_keys(keywords: str) -> dict[str, str]:
    if keywords and "=" not in keywords:
        return {"cu": "eur"} if keywords == "euro" else {keywords: "true"}
    pairs = (pair.partition("=") for pair in keywords.split(";") if pair)
    return {_KEYWORDS.get(key, key): _KEYWORD_VALUES.get(value, value) for key, _, value in pairs}


_ENCODINGS = {
    "ABC": "WIN1258",
    "ALT": "WIN866",
    "ISO88591": "LATIN1",
    "ISO88592": "LATIN2",
    "ISO88593": "LATIN3",
    "ISO88594": "LATIN4",
    "ISO88599": "LATIN5",
    "ISO885910": "LATIN6",
    "ISO885913": "LATIN7",
    "ISO885914": "LATIN8",
    "ISO885915": "LATIN9",
    "ISO885916": "LATIN10",
    "KOI8": "KOI8R",
    "MSKANJI": "SJIS",
    "SHIFTJIS": "SJIS",
    "TCVN": "WIN1258",
    "TCVN5712": "WIN1258",
    "UNICODE": "UTF8",
    "VSCII": "WIN1258",
    "WIN": "WIN1251",
    "WIN932": "SJIS",
    "WIN936": "GBK",
    "WIN949": "UHC",
    "WIN950": "BIG5",
}
_UNDERSCORED = {
    name.replace("_", ""): name
    for name in (
        *(
            "SQL_ASCII",
            "EUC_JP",
            "EUC_CN",
            "EUC_KR",
            "EUC_TW",
            "EUC_JIS_2004",
            "SHIFT_JIS_2004",
            "MULE_INTERNAL",
        ),
        *("ISO_8859_5", "ISO_8859_6", "ISO_8859_7", "ISO_8859_8"),
    )
}


def encoding_name(spelling: str) -> str:
    """An encoding as the server spells it: utf-8 is UTF8."""
    name = re.sub(r"[^A-Z0-9]", "", spelling.upper())
    name = re.sub(r"^WINDOWS(?=[0-9])", "WIN", name)
    return _UNDERSCORED.get(name, _ENCODINGS.get(name, name))


SERVER_ENCODINGS = (
    *("SQL_ASCII", "EUC_JP", "EUC_CN", "EUC_KR", "EUC_TW", "EUC_JIS_2004", "UTF8", "MULE_INTERNAL"),
    *(f"LATIN{number}" for number in range(1, 11)),
    *("ISO_8859_5", "ISO_8859_6", "ISO_8859_7", "ISO_8859_8", "KOI8R", "KOI8U", "WIN866", "WIN874"),
    *(f"WIN{number}" for number in range(1250, 1259)),
)
"""Encodings that a database can have; clients can have more."""
