"""`{% vite_entry "reading" %}`: the script tag of one entry of the frontend, with what it imports loaded beside it."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

#: Folder of the built frontend under the static files; `frontend/vite.config.ts` writes it.
FOLDER = "viewer"


@register.simple_tag
def vite_entry(name: str) -> SafeString:
    """Module script of an entry. Django's storage hashes the entry's name, Vite those of the chunks it imports."""
    # Only the storage knows names under STATIC_URL, but it must not hash what the entry asks for by Vite's name.
    folder = static(f"{FOLDER}/")
    preloads = format_html_join(
        "", '<link rel="modulepreload" href="{}{}">', ((folder, chunk) for chunk in _imported_chunks(name))
    )
    return format_html('{}<script type="module" src="{}"></script>', preloads, static(f"{FOLDER}/{name}.js"))


def _imported_chunks(name: str) -> list[str]:
    """Files that the entry imports at once, nearest first; none where the frontend has not been built."""
    found = finders.find(f"{FOLDER}/manifest.json")
    if not isinstance(found, str):
        return []
    path = Path(found)
    manifest = _manifest(path, path.stat().st_mtime_ns)
    entry = next((chunk for chunk in manifest.values() if chunk.get("file") == f"{name}.js"), None)
    files: list[str] = []
    waiting = list(entry.get("imports", [])) if entry else []
    while waiting:
        chunk = manifest[waiting.pop(0)]
        if chunk["file"] not in files:
            files.append(chunk["file"])
            waiting.extend(chunk.get("imports", []))
    return files


@lru_cache(maxsize=4)
def _manifest(path: Path, _changed: int) -> dict[str, Any]:
    """The manifest as built; a new build has a new time of change and is read again."""
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest
