from mnist_resnet.pipelines.captions import caption


def test_a_recorded_run_is_named(made_data):
    run = {"recipe": "base", "run_id": "0123456789abcdef"}
    assert caption(made_data.dataset, "mistakes", run) == "Made squares, mistakes (base, run 01234567)"


def test_without_a_record_the_recipe_is_enough(made_data):
    assert caption(made_data.dataset, "mistakes", {"recipe": "base"}) == "Made squares, mistakes (base)"
