"""A cascade is drawn as a tree: generations as columns, causes between their effects."""

from tests.unit.storms.report.finished_run import liquidation
from wavetank.storms.report.plots.cascades import Node, cascade_nodes


def places(nodes: list[Node]) -> dict[int, tuple[int, float, int]]:
    return {node.liquidation.liquidation_id: (node.generation, node.row, node.parent_id) for node in nodes}


def test_a_cause_stands_between_its_effects() -> None:
    found = [liquidation(1), liquidation(2, parent=1), liquidation(3, parent=1), liquidation(4, parent=3)]
    # Leaves are 2 and 4, in rows 0 and 1; 3 stands at its only effect, 1 between 0 and 1.
    assert places(cascade_nodes(found)) == {1: (0, 0.5, 0), 2: (1, 0.0, 1), 3: (1, 1.0, 1), 4: (2, 1.0, 3)}


def test_a_parent_that_is_not_there_is_none() -> None:
    assert places(cascade_nodes([liquidation(5, parent=4)])) == {5: (0, 0.0, 0)}


def test_circles_are_cut() -> None:
    found = [liquidation(1, parent=2), liquidation(2, parent=1), liquidation(3, parent=3)]
    drawn = places(cascade_nodes(found))
    assert set(drawn) == {1, 2, 3}
    assert sum(1 for _, _, parent in drawn.values() if parent) == 1


def test_a_chain_may_be_longer_than_python_recurses() -> None:
    chain = [liquidation(number, parent=number - 1) for number in range(1, 5_001)]
    assert max(node.generation for node in cascade_nodes(chain, most=5_000)) == 4_999


def test_of_many_the_largest_cascades_are_drawn() -> None:
    found = [liquidation(number, cascade=number, closed_dollars=number) for number in range(1, 11)]
    assert sorted(places(cascade_nodes(found, most=3))) == [8, 9, 10]
    # Without a cascade each stands alone.
    alone = [liquidation(number, cascade=0, closed_dollars=number) for number in range(1, 11)]
    assert sorted(places(cascade_nodes(alone, most=2))) == [9, 10]
