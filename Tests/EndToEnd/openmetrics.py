"""Reads OpenMetrics text strictly, as far as the project writes it: metadata first, samples of a family together."""

import re

LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
SUFFIXES = {"gauge": [""], "stateset": [""], "counter": ["_total", "_created"], "info": ["_info"]}


def parse(text):
    """{(sample name, ((label, value), ...)): number}; ValueError for what is not OpenMetrics."""
    if not text.endswith("# EOF\n"):
        raise ValueError("the end is missing")
    samples, families, family, seen = {}, {}, None, set()
    for line in text[:-len("# EOF\n")].splitlines():
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            if word not in ("TYPE", "UNIT", "HELP"):
                raise ValueError(line)
            if name != family:
                if name in families:
                    raise ValueError("%s comes twice" % name)
                family, families[name] = name, {}
                seen = set()
            if word in families[name] or seen:
                raise ValueError("metadata twice or behind samples: " + line)
            families[name][word] = rest
            if word == "UNIT" and not name.endswith("_" + rest):
                raise ValueError("%s does not end with its unit" % name)
            continue
        match = SAMPLE.fullmatch(line)
        if not match or family is None:
            raise ValueError(line)
        name, labels, value = match.groups()
        if name not in [family + suffix for suffix in SUFFIXES[families[family]["TYPE"]]]:
            raise ValueError("%s is no sample of %s" % (name, family))
        pairs = tuple(LABEL.findall(labels or ""))
        if ",".join('%s="%s"' % pair for pair in pairs) != (labels or ""):
            raise ValueError("labels: " + line)
        if len({label for label, _ in pairs}) != len(pairs) or (name, pairs) in samples:
            raise ValueError("twice: " + line)
        seen.add(name)
        samples[name, pairs] = float(value)
    return samples
