"""Files that were attached to a step: told by their bytes, shown only as far as that is safe."""

from __future__ import annotations

import json
import re
import struct
import zlib
from pathlib import Path

import forkpoint
import pytest
from e2e.cockpit.conftest import Desk
from playwright.sync_api import Locator, Page, expect

LINES = [f"request {number} GET /orders/{number} 200" for number in range(12_000)]
LOG = "\n".join(LINES).encode()
PICTURE = (40, 30)


def png(width: int, height: int) -> bytes:
    """A grey picture; its header may promise any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = zlib.compress(b"\0" + b"\x80" * PICTURE[0] * PICTURE[1])
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def attached(recording: str) -> str:
    """The address of a step with files of every sort."""

    @forkpoint.tool(effect="read")
    def look() -> bool:
        forkpoint.attach("page.png", png(*PICTURE))
        forkpoint.attach("vast.png", png(60_000, 60_000))
        forkpoint.attach("photo.jpg", b"<svg onload=alert(1)><script>alert(2)</script>")
        forkpoint.attach("answer.json", json.dumps({"orders": ["first", "second"]}).encode())
        forkpoint.attach("server.log", LOG)
        forkpoint.attach("dump\u202egnp.bin", bytes(range(256)))
        return True

    with forkpoint.run("files") as run:
        forkpoint.attach("settings.yaml", b"retries: 3\n")
        look()
    assert forkpoint.flush(30)
    return f"{recording}/runs/{run.id}/steps/1?tab=files"


def file(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def test_an_image_is_fetched_and_decoded_only_when_asked_for(desk: Desk, attached: str):
    with desk.page(attached) as page:
        expect(page.get_by_role("tab", name="Files 6")).to_be_visible()
        card = file(page, "page.png")
        expect(card).to_contain_text("PNG image")
        expect(page.locator("img")).to_have_count(0)
        card.get_by_role("button", name="Show").click()
        expect(card.get_by_role("img")).to_have_js_property("naturalWidth", PICTURE[0])
        expect(card.get_by_role("img")).to_have_attribute("src", re.compile("^blob:"))


def test_a_picture_that_would_unfold_too_far_and_markup_are_not_shown_as_images(
    desk: Desk, attached: str
):
    with desk.page(attached) as page:
        expect(file(page, "vast.png")).to_contain_text("too many pixels")
        expect(file(page, "vast.png").get_by_role("button", name="Show")).to_have_count(0)
        expect(file(page, "photo.jpg").locator("pre")).to_have_text(
            "<svg onload=alert(1)><script>alert(2)</script>"
        )


def test_json_is_a_tree_or_text_and_other_bytes_are_a_dump(desk: Desk, attached: str):
    with desk.page(attached) as page:
        answer = file(page, "answer.json")
        expect(answer.get_by_text("second", exact=True)).to_be_visible()
        answer.get_by_role("button", name="text").click()
        expect(answer.locator("pre")).to_have_text('{"orders": ["first", "second"]}')
        expect(page.get_by_text("00 01 02 03")).to_be_visible()
        expect(page.get_by_role("heading", name="dumpU+202Egnp.bin")).to_be_visible()


def test_a_long_text_shows_both_ends_and_loads_its_middle_in_ranges(desk: Desk, attached: str):
    with desk.page(attached) as page:
        log = file(page, "server.log").locator("pre")
        expect(log).to_contain_text(LINES[0])
        expect(log).to_contain_text(LINES[-1])
        expect(log).not_to_contain_text(LINES[6_000])
        for _ in range(2):
            log.get_by_role("button", name="more").click()
            expect(log.get_by_text("loading…")).to_have_count(0)
        expect(log).to_have_text(LOG.decode())


def test_a_file_is_saved_under_its_name_byte_for_byte(desk: Desk, attached: str, tmp_path: Path):
    with desk.page(attached) as page:
        with page.expect_download() as saving:
            file(page, "server.log").get_by_role("button", name="download").click()
        saved = tmp_path / "saved"
        saving.value.save_as(saved)
        assert (saving.value.suggested_filename, saved.read_bytes()) == ("server.log", LOG)


def test_the_files_of_a_run_are_behind_its_header(desk: Desk, attached: str):
    with desk.page(attached) as page:
        page.get_by_role("button", name="1 file").click()
        expect(page.get_by_role("dialog")).to_contain_text("retries: 3")
