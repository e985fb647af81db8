from atmos_ai_sidecar.adapters.storage.failpoints import Failpoints


def test_a_point_is_fatal_the_given_time_and_only_then() -> None:
    deaths: list[str] = []
    points = Failpoints({"journal.commit": 2}, lambda: deaths.append("died"))
    for _ in range(3):
        points.hit("journal.commit")
        points.hit("messages.commit")
    assert deaths == ["died"]


def test_points_are_read_from_the_environment_and_nonsense_is_ignored() -> None:
    points = Failpoints.from_environment({"ATMOS_AI_FAILPOINTS": "a.b=kill, c.d=kill@3,nonsense,e=kill,f.g=sleep"})
    assert points._left == {"a.b": 1, "c.d": 3}
    assert Failpoints.from_environment({})._left == {}
