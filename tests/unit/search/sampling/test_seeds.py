"""Seeds: what they depend on."""

from hpsearch.search.sampling.seeds import derive_seed


def test_a_seed_depends_on_all_its_parts() -> None:
    parts = [(0, "trial", 0), (0, "trial", 1), (1, "trial", 0), (0, "sampler", 0), (0, "trial/0")]
    seeds = {derive_seed(seed, *rest) for seed, *rest in parts}
    assert len(seeds) == 4  # the last spells the first
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(0, "trial", 0) == 1725501518  # results of old studies hang on it
