"""The picture of a network: every channel, from left to right, none hidden; and the memory's bars."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from picture_reading import Found, elements, having, read, texts

from kl.tools.pictures import memory, network
from kl.tools.pictures.memory import Region, Tier
from kl.tools.pictures.network_layout import MOST_COLUMNS, MOST_NODES, lay_out
from kl.tools.pictures.networks import Edge, Network, Node
from kl.tools.pictures.svg import WIDTH


def chain(length: int) -> Network:
    """A carry, stages in a row that each load a weight, a shortcut over two of them, and a store."""
    stages = tuple(Node(f"s{at}", "stage", at + 1, 0.25, 0.5) for at in range(length))
    nodes = (Node("carry", "carry"), *stages, Node("w", "load"), Node("out", "store"))
    way = ["carry", *(stage.name for stage in stages)]
    edges = (
        *(Edge(one, other, f"{one}-{other}", 2, 8192) for one, other in pairwise(way)),
        *(Edge("w", stage.name, f"w-{stage.name}", 7, 1 << 25) for stage in stages),
        Edge("carry", way[3], "shortcut", 32, 8192),
        Edge(way[-1], "out", "stored", 1, 4),
        Edge(way[-1], "carry", "back", 3, 8192, is_back=True),
    )
    return Network("loop", nodes, edges, "s1")


def boxes(root: Found) -> list[Found]:
    return [*having(root, "data-node")]


def test_each_unit_is_a_box_and_each_channel_is_drawn_with_its_depth():
    root = read(network.draw("t", chain(6)))
    assert {box.attrib["data-node"] for box in boxes(root)} == {"carry", *(f"s{at}" for at in range(6))}
    drawn = {one.attrib["data-edge"]: one.attrib["data-depth"] for one in having(root, "data-edge")}
    assert drawn == {edge.name: str(edge.depth) for edge in chain(6).edges}
    assert len([*having(root, "data-edge")]) == len(chain(6).edges)
    assert {"w ·7", "out ·1", "32"} <= {*texts(root)}


def test_what_leads_from_memory_to_memory_stands_alone():
    nodes = (Node("token", "load"), Node("gather", "load"), Node("out", "store"), Node("idle", "load"))
    edges = (Edge("token", "gather", "token", 1, 4), Edge("gather", "out", "x", 2, 64))
    root = read(network.draw("t", Network("embedding", nodes, edges)))
    assert [box.attrib["data-node"] for box in boxes(root)] == ["token", "idle", "gather", "out"]
    assert [one.attrib["data-edge"] for one in having(root, "data-edge")] == ["token", "x"]


def test_layers_go_from_left_to_right_and_wrap():
    layout = lay_out(chain(17))
    places = [layout.places[name] for name in ("carry", *(f"s{at}" for at in range(17)))]
    rows = sorted({place.y for place in places})
    assert len(rows) == -(-18 // MOST_COLUMNS)
    assert [(place.y, place.x) for place in places] == sorted((place.y, place.x) for place in places)
    assert all(place.x > 0 and place.x + place.wide < WIDTH for place in places)


def test_boxes_do_not_overlap():
    wide = tuple(Node(f"a{at}", "stage") for at in range(9))
    edges = tuple(Edge("carry", node.name, node.name, 1, 1) for node in wide)
    layout = lay_out(Network("k", (Node("carry", "carry"), *wide), edges))
    corners = [(place.x, place.y) for place in layout.places.values()]
    for at, (x, y) in enumerate(corners):
        for other_x, other_y in corners[:at]:
            assert abs(x - other_x) > 50 or abs(y - other_y) > 30


def test_the_bottleneck_is_marked_and_the_way_back_is_apart():
    root = read(network.draw("t", chain(6)))
    assert [one.attrib["data-bottleneck"] for one in having(root, "data-bottleneck")] == ["s1"]
    (back,) = having(root, "data-back")
    assert back.attrib["class"] == "line back"


def test_shares_of_work_and_waiting_are_bars_behind_each_other():
    box = next(box for box in boxes(read(network.draw("t", chain(3)))) if box.attrib["data-node"] == "s1")
    (busy,), (waiting,) = having(box, "data-busy"), having(box, "data-waiting")
    assert (busy.attrib["data-busy"], waiting.attrib["data-waiting"]) == ("0.25", "0.5")
    end = float(busy.attrib["x"]) + float(busy.attrib["width"])
    assert float(waiting.attrib["x"]) == pytest.approx(end, abs=0.02)
    assert float(waiting.attrib["width"]) == pytest.approx(2 * float(busy.attrib["width"]), abs=0.02)


def test_a_long_kernel_says_what_is_left_out():
    picture = network.draw("t", chain(1000))
    root = read(picture)
    assert len(boxes(root)) == MOST_NODES
    assert elements(root) <= 1500
    assert any(f"{1001 - MOST_NODES} units behind" in words for words in texts(root))


def test_the_same_bytes_again():
    assert network.draw("t", chain(9)).inline() == network.draw("t", chain(9)).inline()


def test_wrong_networks_are_errors():
    good = chain(3)
    with pytest.raises(ValueError, match="ghost of loop joins nobody, which is no unit"):
        network.draw("t", replace(good, edges=(*good.edges, Edge("s0", "nobody", "ghost", 1, 1))))
    with pytest.raises(ValueError, match="two units of loop have one name"):
        network.draw("t", replace(good, nodes=(*good.nodes, Node("s0", "stage"))))
    with pytest.raises(ValueError, match="channels of loop go round: s"):
        network.draw("t", replace(good, edges=(*good.edges, Edge("s2", "s1", "wrong", 1, 1))))


TIERS = (Tier("hbm", 1000, 500, "compile.memory.tiers.0.used_bytes"), Tier("ddr", 10_000, 0))


def regions() -> list[Region]:
    return [
        Region("hbm", 0, 300, "weight", "w<1>"),
        Region("hbm", 300, 100, "state", "keys"),
        Region("hbm", 400, 100, "value", "x", (1, 4)),
        Region("hbm", 400, 50, "value", "y", (5, 9)),
    ]


def test_regions_lie_at_their_addresses_and_their_bytes_add_up():
    root = read(memory.draw("t", TIERS, regions()))
    scale = WIDTH / 500
    for one in having(root, "data-address"):
        assert abs(float(one.attrib["x"]) - int(one.attrib["data-address"]) * scale) <= 0.1
    assert sum(int(one.attrib["data-bytes"]) for one in having(root, "data-address")) == 550
    (used,) = having(root, "data-path")
    assert used.attrib["data-value"] == "500"
    assert {"w<1>", "keys"} <= {*texts(root)}


def test_lifetimes_are_from_the_first_to_the_last_command():
    root = read(memory.draw("t", TIERS, regions()))
    lives = [(one.attrib["data-first"], one.attrib["data-last"]) for one in having(root, "data-first")]
    assert lives == [("1", "4"), ("5", "9")]
    first, second = having(root, "data-first")
    assert float(first.attrib["x"]) + float(first.attrib["width"]) == pytest.approx(
        float(second.attrib["x"]), abs=0.02
    )


def test_many_values_are_few_rows_and_a_tier_may_be_empty():
    many = [Region("hbm", at * 8, 8, "value", f"v{at}", (at, at + 1)) for at in range(5000)]
    root = read(memory.draw("t", (Tier("hbm", 100_000, 40_000),), many))
    assert elements(root) <= 600
    assert (
        f"When values are needed: launch commands 0 to 5,000, the largest {memory.MOST_LIVES} of 5,000"
        in (texts(root))
    )
    assert elements(read(memory.draw("t", TIERS, []))) < 30
