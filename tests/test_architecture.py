"""The layers and the house's measures, read from the source itself: who may import whom, and how large a thing may be."""

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("spoolctl", "spoolworker")
LINES_MAX = 500
FUNCTION_LINES_MAX = 60
NO_NAMES = re.compile(r"(^|_)(managers?|helpers?|utils?|common|misc)(_|$)")
SPOOL = "spoolctl.spool"
KNOW_THE_SYSTEM = frozenset(
    {
        "files",
        "native",
        "system",
        "memory",
        "memory_tree",
        "eventlog",
        "spool",
        "schemas",
        "doctor.machine",
        "doctor.opening",
    }
)
"""Modules of the spool that are adapters, or wire them; all others are steps or models and get what they need through ports."""
LOCAL_PATHS = frozenset({"ports", "attach", "publish", "digests"})
"""Of the steps, those that name a file on the local disk, which the port ``Files`` copies."""
OFFERED = frozenset(
    {
        "attach",
        "doctor",
        "eventlog",
        "glance",
        "overview",
        "schemas",
        "system",
        "version",
        "waiting",
    }
)
"""Modules of the spool that the rest of the project may import beside the root."""
OUTSIDE = frozenset(
    {
        "glob",
        "os",
        "pathlib",
        "platform",
        "random",
        "secrets",
        "shutil",
        "socket",
        "subprocess",
        "tempfile",
        "time",
    }
)
ACTS_AS_CLOCK = frozenset(
    {".now", ".utcnow", ".today", ".uuid1", ".uuid4", "uuid1", "uuid4", "open"}
)
"""Calls that ask this machine past the ports."""


def modules():
    """Every module of the project by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@functools.cache
def tree(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module, *, top_level=False):
    """What a module imports, dotted: ``from spoolctl.spool import codec`` is spoolctl.spool.codec, if that is a module."""
    found = set()
    for node in at_import(tree(module)) if top_level else ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
    return found


def imports_from(module):
    """The modules that a module imports names of, or imports whole."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


def taken_from_root(path):
    """The names that a file imports of the protocol library's root."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    froms = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.module == SPOOL]
    return {alias.name for node in froms for alias in node.names}


def at_import(node):
    """The nodes that run when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from at_import(child)


def of_project(names):
    return {name for name in names if name.split(".")[0] in PACKAGES}


def inside(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def foreign(package, *allowed):
    """What the modules of a package import of the project beside *allowed*, by module."""
    found = {
        module: {
            name for name in of_project(imports(module)) if not inside(name, package, *allowed)
        }
        for module in modules_of(package)
    }
    return {module: names for module, names in found.items() if names}


def functions(module):
    return [
        n for n in ast.walk(tree(module)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def calls(module):
    """Line and name of every call of a plain name or of an attribute."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            plain = isinstance(node.func, ast.Name)
            yield node.lineno, node.func.id if plain else f".{node.func.attr}"


def modules_of(package):
    return [module for module in MODULES if inside(module, package)]


def steps():
    """The modules of the spool that are no adapters."""
    return [m for m in modules_of(SPOOL) if m.removeprefix(f"{SPOOL}.") not in KNOW_THE_SYSTEM]


# Layers


def test_there_is_something_to_check():
    assert len(MODULES) > 80
    assert f"{SPOOL}.claim" in MODULES
    assert "spoolctl.spool.layout" in imports("spoolctl.spool.claim")
    assert "spoolctl.spool" in imports("spoolworker.agent")


def test_the_protocol_library_imports_nothing_else_of_the_project():
    assert foreign(SPOOL) == {}


def test_scheduling_imports_only_the_protocol_library():
    assert foreign("spoolctl.scheduling", SPOOL) == {}


def test_what_knows_the_corpus_imports_only_the_protocol_library():
    assert foreign("spoolctl.corpus", SPOOL) == {}


def test_expansion_imports_only_the_protocol_library_and_knows_no_machine():
    assert foreign("spoolctl.expansion", SPOOL) == {}
    for module in modules_of("spoolctl.expansion"):
        assert not {name.split(".")[0] for name in imports(module)} & OUTSIDE, module
        assert not [line for line, name in calls(module) if name in ACTS_AS_CLOCK], module


def test_deriving_imports_what_draws_seeds_and_what_fits_jobs_to_workers():
    assert foreign("spoolctl.deriving", SPOOL, "spoolctl.expansion", "spoolctl.scheduling") == {}
    for module in modules_of("spoolctl.deriving"):
        assert not {name.split(".")[0] for name in imports(module)} & OUTSIDE, module
        assert not [line for line, name in calls(module) if name in ACTS_AS_CLOCK], module


def test_the_index_imports_only_the_protocol_library():
    assert foreign("spoolctl.index", SPOOL) == {}


def test_groups_import_the_protocol_library_and_the_index():
    assert foreign("spoolctl.groups", SPOOL, "spoolctl.index") == {}


def test_what_stablenew_reads_is_made_of_the_protocol_library_the_index_and_the_corpus():
    assert foreign("spoolctl.stablenew", SPOOL, "spoolctl.index", "spoolctl.corpus") == {}


def test_views_import_what_lies_below_the_command_line():
    below = (SPOOL, "spoolctl.scheduling", "spoolctl.index", "spoolctl.groups")
    assert foreign("spoolctl.views", *below) == {}


def test_the_page_imports_what_the_command_line_does_and_nothing_of_it():
    below = ("scheduling", "index", "groups", "views", "deriving", "expansion")
    assert foreign("spoolctl.review", SPOOL, *(f"spoolctl.{one}" for one in below)) == {}


def test_the_controller_imports_what_its_work_needs():
    below = (SPOOL, "spoolctl.scheduling", "spoolctl.index", "spoolctl.groups", "spoolctl.corpus", "spoolctl.notify")  # fmt: skip
    assert foreign("spoolctl.controller", *below) == {}


def test_who_tells_people_imports_the_protocol_library_the_index_and_the_parsing_of_hours():
    assert foreign("spoolctl.notify", SPOOL, "spoolctl.index", "spoolctl.scheduling.hours") == {}


def test_what_is_news_is_decided_without_a_clock_and_without_a_file():
    for name in ("news", "seeing", "wording"):
        module = f"spoolctl.notify.{name}"
        assert not {one.split(".")[0] for one in imports(module)} & (OUTSIDE | {"datetime"}), module
        assert not [line for line, call in calls(module) if call in ACTS_AS_CLOCK], module


def test_fsck_imports_the_protocol_library_and_the_controllers_ledgers():
    may = (SPOOL, "spoolctl.controller", "spoolctl.corpus")
    assert foreign("spoolctl.fsck", *may) == {}


def test_a_worker_imports_scheduling_and_what_the_protocol_library_offers():
    assert foreign("spoolworker", SPOOL, "spoolctl.scheduling") == {}


def test_outside_of_the_protocol_library_only_its_root_and_a_few_modules_are_known():
    """The other modules behind the root may change."""
    known = {SPOOL, *(f"{SPOOL}.{name}" for name in OFFERED)}
    for module in MODULES:
        if not inside(module, SPOOL):
            assert {name for name in imports_from(module) if inside(name, SPOOL)} <= known, module


def test_the_root_of_the_protocol_library_offers_nothing_that_nobody_takes():
    taken = set()
    for path in [*ROOT.glob("spoolctl/**/*.py"), *ROOT.glob("spoolworker/**/*.py")]:
        if not path.is_relative_to(ROOT / "spoolctl/spool"):
            taken |= taken_from_root(path)
    for path in [*ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/*.py")]:
        taken |= taken_from_root(path)
    (offered,) = (node.value.elts for node in tree(SPOOL).body if isinstance(node, ast.Assign))
    names = {one.value for one in offered if isinstance(one, ast.Constant)}
    assert names - taken == set()


def test_nothing_but_the_demo_imports_the_command_line():
    may = ("spoolctl.cli", "spoolctl.demo", "spoolctl.__main__")
    for module in MODULES:
        if not inside(module, *may):
            assert not {name for name in imports(module) if inside(name, "spoolctl.cli")}, module


def test_spoolctl_does_not_need_a_worker():
    """The demo starts workers as processes of their own."""
    for module in modules_of("spoolctl"):
        assert not {name for name in imports(module) if inside(name, "spoolworker")}, module


def test_the_modules_of_the_protocol_library_import_each_other_without_a_cycle():
    graph = {
        module: {n for n in imports(module, top_level=True) if n in MODULES} - {module}
        for module in modules_of(SPOOL)
        if module != SPOOL  # the root, which only gathers
    }
    done = set()

    def follow(module, way):
        assert module not in way, f"a cycle: {' -> '.join([*way[way.index(module) :], module])}"
        if module not in done:
            for inner in sorted(graph.get(module, ())):
                follow(inner, [*way, module])
            done.add(module)

    for module in graph:
        follow(module, [])


def test_no_module_of_the_protocol_library_imports_names_from_its_root():
    inner = [module for module in modules_of(SPOOL) if module != SPOOL]
    assert [module for module in inner if SPOOL in imports(module)] == []


# No step knows a clock, a file system or a die


def test_a_step_gets_files_clocks_and_randomness_through_ports():
    for module in steps():
        local = module.removeprefix(f"{SPOOL}.") in LOCAL_PATHS
        found = {name.split(".")[0] for name in imports(module)} & OUTSIDE
        assert found <= ({"pathlib"} if local else set()), module
        for line, name in calls(module):
            assert name not in ACTS_AS_CLOCK, f"{module}:{line}"


# Measures


def test_every_module_says_what_it_is():
    assert [m for m in MODULES if len((ast.get_docstring(tree(m)) or "").split()) < 4] == []


def test_no_file_is_too_long():
    lengths = {m: len(p.read_text(encoding="utf-8").splitlines()) for m, p in MODULES.items()}
    assert {m: length for m, length in lengths.items() if length > LINES_MAX} == {}


def test_no_function_is_too_long():
    """Without its signature: that of a command lists its options, with their help."""
    lengths = {
        f"{module}.{one.name}": one.end_lineno - one.body[0].lineno + 1
        for module in MODULES
        for one in functions(module)
    }
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES_MAX} == {}


def test_every_module_is_named_for_what_it_does():
    assert [m for m in MODULES if any(NO_NAMES.search(part) for part in m.split("."))] == []


def test_nothing_is_left_to_do():
    left = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
    assert [m for m, p in MODULES.items() if left.search(p.read_text(encoding="utf-8"))] == []


def test_only_the_command_lines_print():
    may = ("spoolworker.cli", "spoolctl.cli.rendering")
    found = [
        f"{m}:{line}" for m in MODULES if m not in may for line, name in calls(m) if name == "print"
    ]
    assert found == []
