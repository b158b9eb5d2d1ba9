#!/usr/bin/env python3
"""The geometry of plots: every text within the picture, none on another, nothing cut.

    check_svg.py [--cut] FILE.svg ...     --cut: labels may end in an ellipsis
"""
import sys
import xml.etree.ElementTree as ET

SVG = '{http://www.w3.org/2000/svg}'
cut = '--cut' in sys.argv


def em(text):
    """The width of a text in DejaVu Sans, whose letters are wide; a little less."""
    width = 0
    for c in text:
        width += .3 if c in " ijl.,:;'|!I" else .4 if c in 'frt()[]/-' else .95 if c in 'mwMW@%' else \
            .8 if c in '=+<>' else .68 if c.isupper() else .6
    return width


for name in sys.argv[1 + cut:]:
    root = ET.parse(name).getroot()
    width, height = int(root.get('width')), int(root.get('height'))
    style = root.find(SVG + 'style').text
    font = float(style.split('font:')[1].split('px')[0])
    title = float(style.split('.n{font-size:')[1].split('px')[0])
    boxes = []
    for t in root.iter(SVG + 'text'):
        kind, size = (t.get('class') or '').split(), font
        if 'n' in kind:
            size = title
        if t.get('style'):
            size = float(t.get('style').split(':')[1][:-2])
        w, up, down = em(t.text) * size, .73 * size, .2 * size
        if t.text.endswith('…') and not cut:
            sys.exit(f'{name}: cut: {t.text}')
        if t.get('transform'):
            x, y = map(float, t.get('transform').split('(')[1].split(')')[0].split())
            box = (x - up, y - w / 2, x + down, y + w / 2)
        else:
            x, y = float(t.get('x')), float(t.get('y'))
            x -= w if 'e' in kind else w / 2 if 'm' in kind else 0
            box = (x, y - up, x + w, y + down)
        if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height:
            sys.exit(f'{name}: beyond the picture: {t.text} {box}')
        for other, there in boxes:
            if box[0] < there[2] and there[0] < box[2] and box[1] < there[3] and there[1] < box[3]:
                sys.exit(f'{name}: {t.text} {box} is on {other} {there}')
        boxes.append((t.text, box))
    axes = next(p for p in root.iter(SVG + 'path') if p.get('class') == 'a')
    left, top, bottom, right = map(float, axes.get('d')[1:].replace('V', ' ').replace('H', ' ').split())
    if bottom - top < height / 4 or right - left < width / 2:
        sys.exit(f'{name}: the plot itself has only {right - left:.0f} x {bottom - top:.0f} pixels')
    for text, box in boxes:
        if box[0] < right and left < box[2] and box[1] < bottom - 1 and top + font / 2 < box[3]:
            sys.exit(f'{name}: in the plotting area: {text}')
