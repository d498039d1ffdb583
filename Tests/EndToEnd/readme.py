"""The README as the tests read it: its marked blocks, and what it says between backquotes."""

import re

from mirror import REPOSITORY

README = REPOSITORY / "README.md"


def text():
    return README.read_text(encoding="utf-8")


def _fenced():
    """(name or None, language, content) of each fenced block; the indentation of a list is taken away."""
    pattern = re.compile(r"^(?: *<!-- test: (?P<name>[a-z]+) -->\n)?(?P<indent> *)```(?P<language>\w*)\n(?P<content>.*?)"
                         r"^(?P=indent)```$", re.MULTILINE | re.DOTALL)
    for found in pattern.finditer(text()):
        content = re.sub(r"(?m)^" + found["indent"], "", found["content"])
        yield found["name"], found["language"], content


def marked():
    """{name: content} of the blocks that a comment `<!-- test: NAME -->` stands before."""
    return {name: content for name, _, content in _fenced() if name}


def blocks(language):
    return [content for _, found, content in _fenced() if found == language]


def spans():
    """What stands between backquotes, outside of blocks."""
    prose = re.sub(r"(?ms)^( *)```.*?^\1```$", "", text())
    return [double or single for double, single in re.findall(r"``(.+?)``|`([^`]+)`", prose)]


def command_lines():
    """Each `mailmirror ...` that one could type, up to the end of that command, as words."""
    lines = spans() + [line for block in blocks("sh") for line in block.splitlines()]
    found = []
    for line in lines:
        for command in re.split(r"[|;#&]+", line):
            words = command.split()
            if words[:1] == ["mailmirror"] and len(words) > 1:
                found.append([word.strip("[]") for word in words[1:]])
    return found
