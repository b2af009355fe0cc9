"""The README cannot grow stale: what can be checked against the code is checked."""

from django.core.management import get_commands

from config.environment import ROOT, SETTINGS

README = (ROOT / "README.md").read_text()


def test_every_setting_is_in_the_readme_with_its_sentence():
    for name, sentence in SETTINGS.items():
        assert f"| `{name}` | {sentence} |" in README


def test_every_command_of_ours_is_in_the_readme():
    ours = {name for name, app in get_commands().items() if app == "labeling"}
    missing = {name for name in ours if name not in README}
    assert not missing


def test_the_two_commands_come_first():
    assert README.index("make run") < README.index("## ")
    assert README.index("make test") < README.index("## ")
