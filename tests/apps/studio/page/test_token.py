"""A studio that asks for its token: the page asks for it, and pictures and events come through the cookie."""

import pytest

pytestmark = pytest.mark.slow


def is_refusal(text: str) -> bool:
    """Browsers complain of every answer that is an error."""
    return "401" in text


def test_the_token_is_asked_for_and_kept(open_page, locked_server):
    sheet = open_page(locked_server)
    page = sheet.page
    field = page.get_by_label("Token")
    field.fill("a wrong token that is long")
    page.get_by_role("button", name="Enter").click()
    page.get_by_role("alert").get_by_text("token").or_(page.get_by_text("not the token")).first.wait_for()
    field.fill("correct-horse-battery")
    page.get_by_role("button", name="Enter").click()
    page.get_by_role("application").wait_for()
    sheet.generate()
    page.reload()
    page.get_by_role("application").wait_for()
    assert [text for text in sheet.told if not is_refusal(text)] == []
    sheet.told.clear()


def test_the_token_in_the_address_is_taken_out_of_it(open_page, locked_server):
    sheet = open_page(locked_server, "#token=correct-horse-battery")
    sheet.page.get_by_role("application").wait_for()
    assert sheet.page.url == f"{locked_server.address}/"
    made = sheet.generate()
    assert sheet.server.newest() == made
