"""Make the package from the book: cells tagged ``export:<module>`` become ``minigrad/<module>.py``.

``python -m tools.tangle`` writes the package and the style sheet that shows in a rendered page where a cell goes;
``--check`` writes nothing and prints how the committed files differ from what it would write; ``--through N`` stops
after chapter N; ``--out DIR`` writes to ``DIR/minigrad`` instead.

Rules for an exported cell:

- Its imports are worked out from the names it uses: an import anywhere at the top level of the same notebook, or a
  definition that the same chapter exports to another module. Only what is used is imported.
- A bare string at its start is the summary line of the module.
- ``@more(Class)`` over ``class Class:`` appends the body to the class that an earlier cell exported.
- A cell of imports alone re-exports what it takes from minigrad.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import difflib
import inspect
import subprocess
import symtable
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.chapters import ROOT, Cell, Chapter, read_chapters

PACKAGE = "minigrad"
MADE_FROM = "Made from "
STYLE_SHEET = Path("web") / "export.css"
ALWAYS_THERE = {*dir(builtins), "__name__", "__file__", "__doc__", "__path__"}


class TangleError(Exception):
    """The book cannot become a package; the message names notebook, cell and name."""


# ------------------------------------------------------------------------------------------------ what modules hold


@dataclass(frozen=True)
class Import:
    """One imported name: ``from module import name as alias``, or ``import module as alias`` where `name` is empty."""

    module: str
    name: str
    alias: str
    typing_only: bool = False

    @property
    def own(self) -> bool:
        """Does it come from the package itself?"""
        return self.module == PACKAGE or self.module.startswith(PACKAGE + ".")

    def statement(self, public: bool = False) -> str:
        """The import as code; a public one repeats its name, which is how type checkers know a re-export."""
        if not self.name:
            return f"import {self.module}" + ("" if self.alias == self.module else f" as {self.alias}")
        alias = f" as {self.alias}" if public or self.alias != self.name else ""
        return f"from {self.module} import {self.name}{alias}"


@dataclass
class Part:
    """A run of statements as the author wrote them; a class stands alone, so that it can grow."""

    text: str
    follows: bool  # does it follow the part before it within one cell?
    grows: str = ""  # the class it defines


@dataclass
class Module:
    """A module of the package on its way from the cells to the file."""

    name: str
    summary: str = ""
    chapters: list[Chapter] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    defines: dict[str, Cell] = field(default_factory=dict)
    members: dict[str, dict[str, Cell]] = field(default_factory=dict)
    imports: dict[Import, Cell] = field(default_factory=dict)
    hints: dict[Import, Cell] = field(default_factory=dict)  # needed by annotations alone
    public: dict[Import, Cell] = field(default_factory=dict)
    future: bool = False

    @property
    def path(self) -> Path:
        """Where the module goes, from the root of the project."""
        return Path(PACKAGE, *self.name.split(".")).with_suffix(".py")

    @property
    def dotted(self) -> str:
        """The name Python imports it by."""
        return f"{PACKAGE}.{self.name}".removesuffix(".__init__")


# --------------------------------------------------------------------------------------------------- reading a cell


def parse(cell: Cell) -> ast.Module:
    """The cell as a syntax tree."""
    try:
        return ast.parse(cell.source)
    except SyntaxError as error:
        raise TangleError(f"{cell}: an exported cell must be plain Python; line {error.lineno}: {error.msg}") from error


def is_docstring(statement: ast.stmt) -> bool:
    """Is the statement a bare string?"""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def is_typing_block(statement: ast.stmt) -> bool:
    """Is it ``if TYPE_CHECKING:`` over nothing but imports?"""
    return (
        isinstance(statement, ast.If)
        and isinstance(statement.test, ast.Name)
        and statement.test.id == "TYPE_CHECKING"
        and not statement.orelse
        and all(isinstance(inner, ast.Import | ast.ImportFrom) for inner in statement.body)
    )


def imports_of(statement: ast.stmt, cell: Cell) -> list[Import]:
    """The names that an import statement, or an ``if TYPE_CHECKING:`` block of them, binds."""
    if isinstance(statement, ast.If):
        found = [imported for inner in statement.body for imported in imports_of(inner, cell)]
        return [Import(i.module, i.name, i.alias, typing_only=True) for i in found]
    if isinstance(statement, ast.Import):
        return [Import(a.name, "", a.asname or a.name) for a in statement.names]
    if isinstance(statement, ast.ImportFrom):
        if statement.level or statement.module is None:
            raise TangleError(f"{cell}: `{ast.unparse(statement)}` is relative; write the full name, from {PACKAGE}.…")
        if any(a.name == "*" for a in statement.names):
            raise TangleError(f"{cell}: `{ast.unparse(statement)}` hides which names it brings; list them")
        return [Import(statement.module, a.name, a.asname or a.name) for a in statement.names]
    return []


def is_future(statement: ast.stmt) -> bool:
    """Is it ``from __future__ import …``?"""
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def notebook_imports(chapter: Chapter) -> tuple[dict[str, Import], bool]:
    """All names that top-level imports of a notebook bind, and whether it starts with ``from __future__ import``."""
    bound: dict[str, Import] = {}
    future = False
    for cell in chapter.cells:
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:  # a magic, or a mistake made on purpose; an exported cell is refused elsewhere
            continue
        for statement in tree.body:
            if is_future(statement):
                future = True
            elif isinstance(statement, ast.Import | ast.ImportFrom) or is_typing_block(statement):
                exported = bool(cell.modules)
                try:
                    found = imports_of(statement, cell)
                except TangleError:
                    if exported:
                        raise
                    continue
                for imported in found:
                    name = imported.alias.split(".")[0]
                    earlier = bound.setdefault(name, imported)
                    if (earlier.module, earlier.name) != (imported.module, imported.name) and "." not in imported.alias:
                        raise TangleError(
                            f"{cell}: `{imported.statement()}`, but an earlier cell has `{earlier.statement()}`; "
                            f"one name, one meaning, or the tangle cannot tell which is meant"
                        )
                    if earlier.typing_only and not imported.typing_only:
                        bound[name] = imported
    return bound, future


class WithoutAnnotations(ast.NodeTransformer):
    """A copy of the tree in which nothing is annotated; the annotations themselves are collected."""

    def __init__(self) -> None:
        self.annotations: list[ast.expr] = []

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """A parameter."""
        if node.annotation is not None:
            self.annotations.append(node.annotation)
        return ast.arg(node.arg, None)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function: its result."""
        if node.returns is not None:
            self.annotations.append(node.returns)
            node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """A variable."""
        self.annotations.append(node.annotation)
        if node.value is None:
            return ast.Pass()
        return ast.Assign([node.target], self.visit(node.value), lineno=node.lineno)


def annotated_names(annotation: ast.AST) -> Iterator[str]:
    """The names in an annotation, quoted ones too."""
    if isinstance(annotation, ast.Name):
        yield annotation.id
    elif isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        yield from annotated_names(ast.parse(annotation.value, mode="eval"))
    elif isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Literal"):
        yield from annotated_names(annotation.value)
    else:
        for child in ast.iter_child_nodes(annotation):
            yield from annotated_names(child)


def names_used(statements: list[ast.stmt]) -> tuple[set[str], set[str]]:
    """The names that the statements need from outside: while they run, and in annotations alone."""
    stripper = WithoutAnnotations()
    tree = stripper.visit(ast.parse(ast.unparse(ast.Module(statements, []))))
    running: set[str] = set()
    tables = [symtable.symtable(ast.unparse(tree), "cell", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        top = table.get_type() == "module"
        running |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    hinted = {name for annotation in stripper.annotations for name in annotated_names(annotation)}
    return running, hinted - running


def bound_names(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement defines, where it is a definition or an assignment."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name) and _stores(node))
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id
    elif isinstance(statement, ast.If | ast.Try | ast.With | ast.For):
        for inner in ast.iter_child_nodes(statement):
            if isinstance(inner, ast.stmt):
                yield from bound_names(inner)
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from ((a.asname or a.name).split(".")[0] for a in statement.names)


def _stores(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def is_overload(statement: ast.stmt) -> bool:
    """Is it one of several signatures of a function?"""
    decorators = statement.decorator_list if isinstance(statement, ast.FunctionDef) else []
    return any(ast.unparse(d).endswith("overload") for d in decorators)


# ---------------------------------------------------------------------------------------------------- classes that grow


def grown_class(statement: ast.stmt, cell: Cell) -> str:
    """The class that ``@more(Class)`` over ``class Class:`` grows; empty for any other statement."""
    if not isinstance(statement, ast.ClassDef):
        return ""
    for decorator in statement.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "more":
            name = ast.unparse(decorator.args[0]) if len(decorator.args) == 1 else "?"
            if name != statement.name:
                raise TangleError(f"{cell}: @more({name}) stands over class {statement.name}; the two names must agree")
            if len(statement.decorator_list) > 1 or statement.bases or statement.keywords:
                raise TangleError(f"{cell}: @more({name}) takes a plain `class {name}:`, no bases, no other decorator")
            return name
    return ""


def check_growth(statement: ast.ClassDef, module: Module, cell: Cell) -> None:
    """Refuse what a body under @more cannot hold, and remember its members."""
    name = statement.name
    where = f"{cell}: @more({name})"
    if name not in module.members:
        raise TangleError(f"{where}: no cell before it exports a class {name} to {module.path}")
    if is_docstring(statement.body[0]):
        raise TangleError(f"{where}: the class has its docstring already; explain the methods, or the cell")
    for inner in statement.body:
        for member in bound_names(inner):
            if member == "__slots__":
                raise TangleError(f"{where}: __slots__ cannot be added to a class that exists")
            if member in module.members[name]:
                raise TangleError(
                    f"{where}: {name}.{member} is there already ({module.members[name][member]}); a class grows, "
                    "its methods are not redefined"
                )
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and ast.unparse(node) == "super()":
            raise TangleError(f"{where}: super() needs its arguments here: super({name}, self)")
    module.members[name] |= {member: cell for inner in statement.body for member in bound_names(inner)}


def grow(module: Module, statement: ast.ClassDef, lines: list[str]) -> None:
    """Append the body of the statement to the class's text."""
    body = "\n".join(lines[statement.lineno : statement.end_lineno])
    part = next(p for p in module.parts if p.grows == statement.name)
    part.text = f"{part.text.rstrip()}\n\n{body}"


# ------------------------------------------------------------------------------------------------ cells into modules


def add_cell(module: Module, cell: Cell) -> list[ast.stmt]:
    """Put the cell's statements into the module; the answer is the statements whose names have to be found."""
    lines = cell.source.splitlines()
    tree = parse(cell)
    kept: list[ast.stmt] = []
    follows = False
    end = 0
    reexports = all(isinstance(s, ast.Import | ast.ImportFrom) for s in tree.body) or (
        module.name.endswith("__init__")
        and all(isinstance(s, ast.Import | ast.ImportFrom) or is_docstring(s) for s in tree.body)
    )
    for position, statement in enumerate(tree.body):
        before, end = end, statement.end_lineno or 0
        start = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
        if position == 0 and is_docstring(statement):
            if module.summary:
                raise TangleError(f"{cell}: {module.path} has a summary already: {module.summary.splitlines()[0]!r}")
            assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            module.summary = inspect.cleandoc(str(statement.value.value))
        elif is_future(statement):
            module.future = True
        elif isinstance(statement, ast.Import | ast.ImportFrom) or (
            is_typing_block(statement) and not module.name.endswith("__init__")
        ):
            for imported in imports_of(statement, cell):
                if reexports and imported.own:
                    module.public[imported] = cell
                    define(module, imported.alias, cell)
        elif grown_class(statement, cell):
            assert isinstance(statement, ast.ClassDef)
            if any(line.strip() for line in lines[before : start - 1]):
                raise TangleError(f"{cell}: the comment above @more({statement.name}) would be lost; move it inside")
            check_growth(statement, module, cell)
            grow(module, statement, lines)
            kept.append(statement)
        else:
            for name in bound_names(statement):
                define(module, name, cell, overload=is_overload(statement))
            is_class = isinstance(statement, ast.ClassDef)
            if isinstance(statement, ast.ClassDef):
                module.members[statement.name] = {m: cell for s in statement.body for m in bound_names(s)}
            last = lines[end:] if statement is tree.body[-1] else []  # comments at the end of the cell
            text = "\n".join(lines[before:end] + last)
            module.parts.append(Part(text, follows, statement.name if is_class else ""))  # type: ignore[attr-defined]
            follows = True
            kept.append(statement)
    return kept


def define(module: Module, name: str, cell: Cell, overload: bool = False) -> None:
    """Remember that `cell` defines `name`; refuse a second definition."""
    earlier = module.defines.get(name)
    if earlier is not None and not (overload or earlier is cell):
        raise TangleError(
            f"{cell}: {module.path} has {name} already ({earlier}); nothing is redefined, and a class grows with "
            f"@more({name})"
        )
    module.defines[name] = cell


@dataclass
class Book:
    """All modules after the chapters read so far."""

    modules: dict[str, Module] = field(default_factory=dict)

    def module_named(self, dotted: str) -> Module | None:
        """The module that Python calls `dotted`."""
        return next((m for m in self.modules.values() if m.dotted == dotted), None)

    def add(self, chapter: Chapter) -> None:
        """Read one more chapter."""
        imports, future = notebook_imports(chapter)
        todo: list[tuple[Module, Cell, list[ast.stmt]]] = []
        for cell in chapter.cells:
            if len(cell.modules) > 1:
                raise TangleError(
                    f"{cell}: a cell goes to one module; this one is tagged for {', '.join(cell.modules)}"
                )
            for name in cell.modules:
                if not all(part.isidentifier() for part in name.split(".")):
                    raise TangleError(f"{cell}: export:{name} is not the name of a module")
                module = self.modules.setdefault(name, Module(name))
                if chapter not in module.chapters:
                    module.chapters.append(chapter)
                module.future |= future
                todo.append((module, cell, add_cell(module, cell)))
        homes = {name for module, _, _ in todo for name in [module.name]}
        for module, cell, statements in todo:
            self.resolve(chapter, module, cell, statements, imports, homes)
        for module in {m.name: m for m, _, _ in todo}.values():
            for imported, cell in module.public.items():
                self.check_order(imported, chapter, cell)

    def resolve(
        self,
        chapter: Chapter,
        module: Module,
        cell: Cell,
        statements: list[ast.stmt],
        imports: dict[str, Import],
        homes: set[str],
    ) -> None:
        """Find where each name that the cell uses comes from."""
        running, hinted = names_used([_plain(s, cell) for s in statements])
        for name in sorted(running | hinted):
            imported = self.source_of(name, chapter, module, cell, imports, homes)
            if imported is not None:
                self.check_order(imported, chapter, cell)
                where = module.imports if name in running and not imported.typing_only else module.hints
                where.setdefault(imported, cell)
        for statement in statements:
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    for imported in imports_of(node, cell):
                        self.check_order(imported, chapter, cell)

    def source_of(
        self, name: str, chapter: Chapter, module: Module, cell: Cell, imports: dict[str, Import], homes: set[str]
    ) -> Import | None:
        """The import that `name` needs in `module`; None where it needs none."""
        imported = imports.get(name)
        if name in module.defines:
            if imported is not None and imported.module != module.dotted and imported not in module.public:
                raise TangleError(
                    f"{cell}: {name} is defined in {module.path} and imported too: `{imported.statement()}`"
                )
            return None
        if imported is not None:
            return imported
        others = [
            m
            for m in self.modules.values()
            if m.name in homes and name in m.defines and m.defines[name].notebook == chapter.path.name
        ]
        if len(others) > 1:
            paths = " and ".join(str(m.path) for m in others)
            raise TangleError(f"{cell}: {name} is exported to {paths} by this chapter; import the one that is meant")
        if others:
            return Import(others[0].dotted, name, name)
        if name in ALWAYS_THERE:
            return None
        raise TangleError(
            f"{cell}: {name} comes from nowhere: {module.path} does not define it, this notebook neither imports it at "
            "the top level nor exports it"
        )

    def check_order(self, imported: Import, chapter: Chapter, cell: Cell) -> None:
        """What chapter N exports may import only what chapters up to N export."""
        if not imported.own:
            return
        statement = imported.statement()
        if not imported.name:
            if imported.module == PACKAGE:
                raise TangleError(f"{cell}: `{statement}` asks the package for itself; import from its modules")
            if self.module_named(imported.module) is None:
                raise TangleError(f"{cell}: `{statement}`: no chapter up to {chapter.number} makes that module")
            return
        if self.module_named(f"{imported.module}.{imported.name}") is not None:
            return
        if imported.module == PACKAGE:
            homes = [m.dotted for m in self.modules.values() if imported.name in m.defines]
            hint = f"; write `from {homes[0]} import {imported.name}`" if homes else ""
            raise TangleError(f"{cell}: `{statement}` asks the package for itself{hint}")
        home = self.module_named(imported.module)
        if home is None or imported.name not in home.defines:
            raise TangleError(
                f"{cell}: `{statement}`: {imported.name} is not in what chapters up to {chapter.number} export to "
                f"{imported.module}"
            )


def _plain(statement: ast.stmt, cell: Cell) -> ast.stmt:
    """The statement without ``@more``."""
    if isinstance(statement, ast.ClassDef) and grown_class(statement, cell):
        return ast.ClassDef(statement.name, [], [], statement.body, [])
    return statement


# ------------------------------------------------------------------------------------------------- modules into text


def needs(imported: Import, book: Book) -> str:
    """The module of the package that an import runs; empty for any other package."""
    if not imported.own:
        return ""
    inner = book.module_named(f"{imported.module}.{imported.name}") if imported.name else None
    home = inner or book.module_named(imported.module)
    return home.name if home is not None else ""


def path_between(start: str, goal: str, edges: dict[str, set[str]], seen: frozenset[str] = frozenset()) -> list[str]:
    """A way along imports from `start` to `goal`, or an empty list."""
    if start == goal:
        return [start]
    for after in sorted(edges.get(start, ())):
        if after not in seen:
            rest = path_between(after, goal, edges, seen | {after})
            if rest:
                return [start, *rest]
    return []


def settle_imports(book: Book) -> None:
    """Refuse import cycles; an annotation whose import would close one is imported for type checkers alone."""
    edges: dict[str, set[str]] = {name: set() for name in book.modules}
    for module in book.modules.values():
        for imported, cell in [*module.imports.items(), *module.public.items()]:
            target = needs(imported, book)
            if not target:
                continue
            loop = path_between(target, module.name, edges)
            if loop:
                names = " → ".join(str(book.modules[n].path) for n in [module.name, *loop])
                raise TangleError(f"{cell}: `{imported.statement()}` closes a circle of imports: {names}")
            edges[module.name].add(target)
    for module in book.modules.values():
        for imported in list(module.hints):
            target = needs(imported, book)
            if imported in module.imports:
                del module.hints[imported]
            elif not imported.typing_only and not (target and path_between(target, module.name, edges)):
                module.imports[imported] = module.hints.pop(imported)
                edges[module.name] |= {target} - {""}


def header(module: Module) -> str:
    """The module's docstring: its summary, and the chapters it is made from."""
    if not module.summary:
        raise TangleError(
            f"{module.path} has no summary: begin the first cell tagged export:{module.name} with a string, "
            f'"""What the module is for."""'
        )
    chapters = [f"chapter {c.number}, {c.title.rstrip('.')}" for c in module.chapters]
    made = MADE_FROM + "; ".join([*chapters[:-1], ("and " if chapters[1:] else "") + chapters[-1]]) + "."
    summary = module.summary.replace("\\", "\\\\")
    return f'"""{summary}\n\n{textwrap.fill(made, 118)}\n"""\n'


def render(module: Module) -> str:
    """The text of the module, before it is formatted."""
    hints = sorted(imported.statement() for imported in module.hints)
    imports = {imported.statement() for imported in module.imports}
    imports |= {imported.statement(public=True) for imported in module.public}
    lines = [header(module)]
    if hints:
        imports.add("from typing import TYPE_CHECKING")
    if module.future or hints:
        lines.append("from __future__ import annotations\n")
    lines += sorted(imports)
    if hints:
        lines += ["\nif TYPE_CHECKING:", *(f"    {statement}" for statement in hints)]
    text = "\n".join(lines) + "\n"
    for part in module.parts:
        text += f"{part.text}\n" if part.follows else f"\n\n{part.text.strip(chr(10))}\n"
    return text


def ruff(*arguments: str, cwd: Path) -> None:
    """Run ruff with this project's settings."""
    command = [
        sys.executable,
        "-m",
        "ruff",
        *arguments,
        "--no-cache",
        "--quiet",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise TangleError(f"ruff {arguments[0]} refuses the package as made:\n{done.stdout}{done.stderr}".rstrip())


def formatted(texts: dict[Path, str]) -> dict[Path, str]:
    """The same modules with their imports sorted and their layout settled."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in texts.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        if texts:
            ruff("check", "--select", "I", "--fix", ".", cwd=Path(folder))
            ruff("format", ".", cwd=Path(folder))
        return {path: Path(folder, path).read_text(encoding="utf-8") for path in texts}


def check_packages(book: Book) -> None:
    """Each folder of modules needs its ``__init__``."""
    for module in book.modules.values():
        *folder, _ = module.name.split(".")
        init = ".".join([*folder, "__init__"])
        if init not in book.modules:
            raise TangleError(f"{module.path} lies in a package without a face: no cell is tagged export:{init}")


def style_sheet(book: Book) -> str:
    """The style sheet that shows at each exported cell which file it goes to."""
    rules = ["/* Made by `python -m tools.tangle`: where each exported cell goes; book.css says how it looks. */"]
    for name, module in sorted(book.modules.items()):
        escaped = "tag_export\\:" + name.replace(".", "\\.")
        rules.append(f'div.cell.{escaped}::before {{ content: "→ {module.path.as_posix()}"; }}')
    return "\n".join(rules) + "\n"


def tangle(chapters: list[Chapter]) -> dict[Path, str]:
    """Path → text of everything made from `chapters`, relative to the root of the project."""
    book = Book()
    for chapter in chapters:
        book.add(chapter)
    check_packages(book)
    settle_imports(book)
    files = formatted({module.path: render(module) for module in book.modules.values()})
    files[Path(PACKAGE, "py.typed")] = ""
    files[STYLE_SHEET] = style_sheet(book)
    return files


# --------------------------------------------------------------------------------------------------- the command line


def strays(files: dict[Path, str], root: Path) -> list[Path]:
    """Python files in the package that nothing makes."""
    found = (path.relative_to(root) for path in sorted((root / PACKAGE).rglob("*.py")))
    return [path for path in found if path not in files]


def drift(files: dict[Path, str], root: Path) -> str:
    """How what lies under `root` differs from `files`, as a diff; empty where it does not."""
    pieces: list[str] = []
    for path in [*files, *strays(files, root)]:
        target = root / path
        there = target.read_text(encoding="utf-8") if target.exists() else None
        if there is None or there != files.get(path):
            pieces += difflib.unified_diff(
                (there or "").splitlines(keepends=True),
                files.get(path, "").splitlines(keepends=True),
                "/dev/null" if there is None else f"committed/{path.as_posix()}",
                f"made/{path.as_posix()}" if path in files else "/dev/null",
            )
            if not (there or files.get(path)):
                pieces.append(f"missing: {path.as_posix()}\n")
    return "".join(pieces)


def write(files: dict[Path, str], root: Path) -> list[Path]:
    """Write what changed, remove modules that the book no longer makes; the answer is the paths touched."""
    touched = []
    for path in strays(files, root):
        if MADE_FROM not in (root / path).read_text(encoding="utf-8"):
            raise TangleError(f"{path} was not made from the book; move it into a chapter, or away")
        (root / path).unlink()
        touched.append(path)
    for path, text in files.items():
        target = root / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            touched.append(path)
    return touched


def main(argv: list[str] | None = None, book: Path | None = None) -> int:
    """Make or check the package."""
    parser = argparse.ArgumentParser(prog="python -m tools.tangle", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; print the difference and fail on any")
    parser.add_argument("--through", type=int, metavar="N", help="the package as it stands after chapter N")
    parser.add_argument("--out", type=Path, metavar="DIR", default=ROOT, help="the folder that gets the package")
    arguments = parser.parse_args(argv)
    try:
        chapters = read_chapters(book or ROOT / "book")
        if arguments.through is not None:
            chapters = [chapter for chapter in chapters if chapter.number <= arguments.through]
        files = tangle(chapters)
    except (TangleError, ValueError) as error:
        print(f"tangle: {error}", file=sys.stderr)
        return 1
    if arguments.out.resolve() != ROOT or arguments.through is not None:
        del files[STYLE_SHEET]  # it belongs to the pages of the whole book
    if arguments.check:
        difference = drift(files, arguments.out)
        if difference:
            print(difference, end="")
            print("tangle: the package is not what the book makes; run `python -m tools.tangle`.", file=sys.stderr)
            return 1
        print(f"tangle: {len(files)} files are what the book makes.")
        return 0
    try:
        for path in write(files, arguments.out):
            print(f"{'wrote' if path in files else 'removed'} {path.as_posix()}")
    except TangleError as error:
        print(f"tangle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
