"""What axe-core finds wrong with a studio."""

from axe_playwright_python.sync_playwright import Axe

from tests.browser.studio_page import StudioPage

IMPOSSIBLE: dict[str, str] = {}  # rules that ipywidgets itself makes impossible to keep, each with its reason
_GRAVE = ("serious", "critical")


def barriers(page: StudioPage) -> list[str]:
    """Say what is serious or critical, a line for each kind of barrier."""
    found = Axe().run(page.page, context=".ganlib-studio").response
    grave = [one for one in found["violations"] if one["impact"] in _GRAVE and one["id"] not in IMPOSSIBLE]
    return [f"{one['id']}: {[node['html'][:200] for node in one['nodes'][:3]]}" for one in grave]
