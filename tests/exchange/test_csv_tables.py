"""Reading a file of comma-separated values: RFC 4180, UTF-8, nothing repaired in silence."""

import pytest

from registry.exchange.csv_tables import LONGEST_CELL, cell_flaw, read_csv


def read(tmp_path, content):
    path = tmp_path / "labs.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path)


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n",
        "a,b\r\n1,2\r\n",
        "a,b\r1,2\r",
        "a,b\n1,2",
        "\ufeffa,b\n1,2\n",
        '"a","b"\n"1","2"\n',
        "a,b\n\n1,2\n\n",
        " a , b \n 1 , 2 \n",
    ],
)
def test_a_mark_line_endings_quotes_and_blank_lines_change_nothing(tmp_path, content):
    table = read(tmp_path, content)

    assert table.header == ["a", "b"]
    assert [cells for _, cells in table.lines] == [["1", "2"]]
    assert table.is_whole
    assert table.flaws == []


def test_the_header_is_line_1_and_a_row_is_named_by_the_line_it_begins_on(tmp_path):
    table = read(tmp_path, 'a,b\n1,"two\nlines, ""quoted"""\n3,4\n')

    assert table.lines == [(2, ["1", 'two\nlines, "quoted"']), (4, ["3", "4"])]


@pytest.mark.parametrize(
    ("content", "line", "position"),
    [
        (b"a,b\n1,\xe4\n", 2, 6),
        (b"\xef\xbb\xbfa,b\n1,\xe4\n", 2, 9),
        (b"\xff\xfea\x00", 1, 0),
    ],
)
def test_another_encoding_is_an_error_with_the_position_of_the_byte(tmp_path, content, line, position):
    table = read(tmp_path, content)

    [flaw] = table.flaws
    assert flaw.line == line
    assert f"position {position} " in flaw.problem
    assert flaw.accepted == "Save the file as UTF-8."
    assert not table.is_whole


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_an_error(tmp_path, content):
    table = read(tmp_path, content)

    assert [flaw.problem for flaw in table.flaws] == ["The file is empty."]


def test_a_header_alone_is_a_file_without_rows(tmp_path):
    table = read(tmp_path, "a,b\n")

    assert (table.lines, table.flaws, table.is_whole) == ([], [], True)


def test_text_after_a_closing_quote_is_an_error_and_the_next_line_is_read(tmp_path):
    table = read(tmp_path, 'a,b\n"1"x,2\n3,4\n')

    assert [flaw.line for flaw in table.flaws] == [2]
    assert table.lines == [(3, ["3", "4"])]
    assert not table.is_whole


def test_a_quote_that_is_never_closed_is_told_where_it_was_opened(tmp_path):
    table = read(tmp_path, 'a,b\n1,"2\n3,4\n')

    assert [flaw.line for flaw in table.flaws] == [2]
    assert table.lines == []


@pytest.mark.parametrize(("length", "refused"), [(LONGEST_CELL, False), (LONGEST_CELL + 1, True)])
def test_a_cell_of_100000_characters_is_read_and_one_more_is_refused(length, refused):
    assert bool(cell_flaw(2, "narrative", "x" * length)) is refused


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_of_ten_megabytes_is_refused_in_few_words(tmp_path, quote):
    table = read(tmp_path, f"a,b\n1,{quote}{'x' * 10_000_000}{quote}\n3,4\n")

    [(line, cells), following] = table.lines
    flaw = cell_flaw(line, "b", cells[1])
    assert flaw is not None
    assert (flaw.line, flaw.column) == (2, "b")
    assert len(flaw.value) <= 200
    assert following == (3, ["3", "4"])


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_line_break_inside_a_cell_is_the_same_however_the_file_was_saved(tmp_path, ending):
    table = read(tmp_path, 'a,b\n1,"two\nlines"\n'.replace("\n", ending))

    assert table.lines == [(2, ["1", "two\nlines"])]


def test_a_nul_character_is_refused():
    flaw = cell_flaw(3, "lot", "A\0B")

    assert flaw is not None
    assert flaw.column == "lot"
    assert "\0" not in flaw.value


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path):
    (tmp_path / "labs.csv").mkdir()

    assert "cannot be read" in read_csv(tmp_path / "labs.csv").flaws[0].problem
