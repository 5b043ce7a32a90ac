# SPDX-License-Identifier: GPL-2.0
"""How Sphinx makes HTML of this directory: make docs, in which a warning is an error."""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

project = 'VMF'
author = 'the VMF developers'
language = 'en'
root_doc = 'index'
# Parts of userspace-api/vmf.rst, which includes them.
exclude_patterns = ['userspace-api/vmf-tables']
nitpicky = True
# Most literal blocks are no program at all.
highlight_language = 'none'

html_theme = 'alabaster'
html_theme_options = {'page_width': '1100px', 'fixed_sidebar': True}
html_sidebars = {'**': ['about.html', 'navigation.html', 'searchbox.html']}
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False


class FilesOf(SphinxDirective):
    """files-of:: DIR shows every file in DIR as it is, by name."""

    required_arguments = 1

    def run(self):
        folder = Path(self.env.srcdir, Path(self.env.docname).parent, self.arguments[0])
        sections = []
        self.env.note_dependency(str(folder))
        for path in sorted(folder.iterdir()):
            self.env.note_dependency(str(path))
            text = path.read_text(encoding='utf-8')
            section = nodes.section(ids=[nodes.make_id(path.name)], names=[path.name])
            section += nodes.title('', path.name)
            section += nodes.literal_block(text, text.expandtabs(), language='none')
            sections.append(section)
        return sections


PATH = re.compile(r'\bDocumentation/[\w./-]*\w')


def link_paths(app, doctree):
    """Makes links of what is written as Documentation/.../NAME.rst, as the kernel does."""
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, (nodes.literal, nodes.literal_block, nodes.reference)):
            continue
        parts, end = [], 0
        for match in PATH.finditer(text):
            name = match.group().removeprefix('Documentation/')
            target = 'ABI/index' if name.startswith('ABI/') else name.removesuffix('.rst')
            if target not in app.env.found_docs:
                continue
            link = addnodes.pending_xref(
                '', nodes.inline('', match.group()), refdomain='std', reftype='doc',
                reftarget='/' + target, refexplicit=True, refwarn=True,
                refdoc=app.env.docname)
            parts += [nodes.Text(text[end:match.start()]), link]
            end = match.end()
        if parts:
            text.parent.replace(text, parts + [nodes.Text(text[end:])])


def setup(app):
    """Called by Sphinx."""
    app.add_directive('files-of', FilesOf)
    app.connect('doctree-read', link_paths)
    return {'parallel_read_safe': True}
