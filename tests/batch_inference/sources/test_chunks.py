from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_resnet.batch_inference.sources.chunks import Slice, cut

bounded = settings(max_examples=100, deadline=None, derandomize=True)


@bounded
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=8), st.integers(1, 9))
def test_any_cut_has_each_row_exactly_once_and_in_order(gaps_and_counts, rows):
    files, next_id = [], 0
    for number, (gap, count) in enumerate(gaps_and_counts):
        next_id += gap
        files.append((next_id, Slice(f"file{number}", 0, count)))
        next_id += count
    expected = [(first + row, file.path, row) for first, file in files for row in range(file.rows)]

    chunks = list(cut("", files, rows))
    found = []
    for chunk in chunks:
        row_id = chunk.first_id
        for each in chunk.slices:
            found += [(row_id + number, each.path, each.first + number) for number in range(each.rows)]
            row_id += each.rows
        assert 1 <= chunk.rows <= rows
    assert found == expected


def test_small_files_share_a_chunk_and_a_large_one_has_several():
    chunks = list(cut("", [(0, Slice("a", 0, 1)), (1, Slice("b", 0, 5))], 3))
    assert [chunk.slices for chunk in chunks] == [(Slice("a", 0, 1), Slice("b", 0, 2)), (Slice("b", 2, 3),)]
    assert [chunk.first_id for chunk in chunks] == [0, 3]
