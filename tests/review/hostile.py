"""Values that somebody who wants to act on their reader would put into an export."""

from __future__ import annotations

LONG = "abcdefghi " * 999 + "abcdefghij"
"""Ten thousand characters."""

HOSTILE = (
    "<script>window.pwned=1</script>",
    '"><img src=https://evil.example/x onerror=window.pwned=1>',
    "</script><script>window.pwned=1</script>",
    "<!--<script>",
    "javascript:window.pwned=1",
    '=HYPERLINK("https://evil.example","click")',
    "[click](https://evil.example) ![](https://evil.example/x.png)",
    "https://evil.example/path www.evil.example @everyone #1",
    "`code` ``more`` | a | cell |",
    "**bold** _it_ ~~gone~~ &lt;b&gt; <b>b</b>",
    "\x1b[31mred\x1b[0m\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "[bold red]rich[/] [/] :skull: [link=https://evil.example]x[/link]",
    "ends in a backslash \\\\\\",
    "user\u202egnp.exe\u2066x\u2069",
    "zero\u200bwidth\u2060 and \ufeff and \u00ad soft",
    "filler\u3164\u2800 and tag \U000e0041 and selector \ufe0f",
    "two\nlines\r\nand\ttabs \u2028 \u2029",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "\u05e2\u05d1\u05e8\u05d9\u05ea \u65e5\u672c\u8a9e e\u0301",
    LONG,
)
