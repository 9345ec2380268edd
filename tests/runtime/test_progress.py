import nbformat
from nbclient import NotebookClient

CODE = """
import ganlib
recipe = ganlib.Recipe("test", width=2, batch_size=8)
_ = ganlib.Trainer(recipe, "portraits", {folder!r}, device="cpu").fit(kimg=0.05)
"""


def test_a_notebook_keeps_the_progress_bar_as_one_line(tmp_path):
    page = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CODE.format(folder=str(tmp_path / "run")))]
    )
    NotebookClient(page, timeout=120, kernel_name="python3").execute()
    outputs = page.cells[0].outputs
    lines = [output.data["text/plain"] for output in outputs if output.output_type == "display_data"]
    assert len(lines) == 1
    assert "100%" in lines[0]
    assert "kimg" in lines[0]
    assert "\n" not in lines[0]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "test starts on cpu" in printed
    assert "%|" not in printed
    assert "widgets" not in page.metadata
