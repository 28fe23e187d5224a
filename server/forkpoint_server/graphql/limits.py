"""The one rule that bounds a GraphQL document before it is validated (security guide, S1).

Each selection is visited once: fragments are measured once and their measures added up, so that a
document of 700 bytes that expands to 2^59 fields is refused as fast as any other. Numbers are those
of the expanded operation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
)

from forkpoint_server.errors import LimitExceeded

FIRST_MAXIMUM = 200
LIST_MAXIMUM = 20
"""Cost of a list that takes no `first`; artifacts and parts of a step are never more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one operation may ask; the defaults are the documented ones."""

    depth: int = 12
    introspection_depth: int = 20
    """Below `__schema` and `__type`, which are open on loopback without a token only."""
    aliases: int = 30
    root_fields: int = 10
    fields: int = 500
    fragments: int = 20
    spreads: int = 60
    directives: int = 30
    cost: int = 50_000
    same_key: int = 19
    """How often one response key may stand in one selection; the twentieth is refused."""
    repeated_branches: int = 7
    """How often a key with sub-selections may come again in its selection, in one operation."""


BOUNDS = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """The size of one expanded selection. Numbers are exact, however large."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    cost: int = 0
    repeated: int = 0
    """Repeated branches in the selections below this one."""
    keys: Counter[str] = field(default_factory=Counter[str])
    """Response keys of this selection, and how often each stands in it."""
    branches: Counter[str] = field(default_factory=Counter[str])
    """Those of them that have sub-selections."""

    def beside(self, other: Measure) -> Measure:
        """Both selections in one."""
        return Measure(
            depth=max(self.depth, other.depth),
            aliases=self.aliases + other.aliases,
            fields=self.fields + other.fields,
            cost=self.cost + other.cost,
            repeated=self.repeated + other.repeated,
            keys=self.keys + other.keys,
            branches=self.branches + other.branches,
        )

    def all_repeated(self) -> int:
        """Repeated branches here and below."""
        return self.repeated + self.branches.total() - len(self.branches)


def check_document(
    document: DocumentNode,
    schema: GraphQLSchema,
    variables: Mapping[str, object],
    bounds: Bounds = BOUNDS,
) -> None:
    """Raise `LimitExceeded` naming the first bound that an operation of the document breaks."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    _at_most("fragments", len(fragments), bounds.fragments)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            walk = _Walk(schema, fragments, _values(node, variables), bounds)
            walk.check(node)


@dataclass(slots=True)
class _Walk:
    """One pass over one operation and the fragments it reaches."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, object]
    bounds: Bounds
    spreads: int = 0
    directives: int = 0
    measured: dict[str, Measure] = field(default_factory=dict[str, Measure])
    open: set[str] = field(default_factory=set[str])

    def check(self, operation: OperationDefinitionNode) -> None:
        """Raise `LimitExceeded` unless the operation keeps every bound."""
        self._count_directives(operation.directives)
        for variable in operation.variable_definitions or ():
            self._count_directives(variable.directives)
        root = _root_type(self.schema, operation.operation)
        whole = self._selection(operation.selection_set, root)
        self._check_keys(whole)
        _at_most("root_fields", whole.keys.total(), self.bounds.root_fields)
        _at_most("depth", whole.depth, self.bounds.depth)
        _at_most("aliases", whole.aliases, self.bounds.aliases)
        _at_most("fields", whole.fields, self.bounds.fields)
        _at_most("cost", whole.cost, self.bounds.cost)
        _at_most("repeated_branches", whole.all_repeated(), self.bounds.repeated_branches)

    def _selection(self, selection: SelectionSetNode, parent: GraphQLNamedType | None) -> Measure:
        total = Measure()
        for node in selection.selections:
            self._count_directives(node.directives)
            if isinstance(node, FieldNode):
                total = total.beside(self._field(node, parent))
            elif isinstance(node, InlineFragmentNode):
                total = total.beside(self._inline(node, parent))
            elif isinstance(node, FragmentSpreadNode):
                total = total.beside(self._spread(node.name.value))
        return total

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Measure:
        name = node.name.value
        key = node.alias.value if node.alias else name
        definition = _definition(parent, name)
        below = Measure()
        if node.selection_set:
            below = self._selection(node.selection_set, self._inner(definition))
            self._check_keys(below)
        free = self.bounds.introspection_depth - self.bounds.depth if name in _HIDDEN else 0
        return Measure(
            depth=max(1, 1 + below.depth - free),
            aliases=below.aliases + (node.alias is not None),
            fields=1 + below.fields,
            cost=1 + self._factor(node, definition, parent) * below.cost,
            repeated=below.all_repeated(),
            keys=Counter((key,)),
            branches=Counter((key,) if node.selection_set else ()),
        )

    def _inner(self, definition: GraphQLField | None) -> GraphQLNamedType | None:
        return self.schema.get_type(_written(definition).strip("[]!")) if definition else None

    def _inline(self, node: InlineFragmentNode, parent: GraphQLNamedType | None) -> Measure:
        condition = node.type_condition
        inner = self.schema.get_type(condition.name.value) if condition else parent
        return self._selection(node.selection_set, inner)

    def _spread(self, name: str) -> Measure:
        self.spreads += 1
        _at_most("spreads", self.spreads, self.bounds.spreads)
        fragment = self.fragments.get(name)
        if fragment is None:
            return Measure()  # validation names it
        if name in self.open:
            raise LimitExceeded("fragment_cycle", 0, f"a fragment spreads itself; {_REMEDY}")
        if name not in self.measured:
            self.open.add(name)
            self._count_directives(fragment.directives)
            on = self.schema.get_type(fragment.type_condition.name.value)
            self.measured[name] = self._selection(fragment.selection_set, on)
            self.open.discard(name)
        return self.measured[name]

    def _factor(
        self, node: FieldNode, definition: GraphQLField | None, parent: GraphQLNamedType | None
    ) -> int:
        """How many times the selection below a field may be answered."""
        if definition is None or (parent and parent.name.endswith("Connection")):
            return 1  # the connection's own `first` was counted above
        if "first" in definition.args:
            return self._first(node, definition)
        is_list = _written(definition).startswith("[")
        return LIST_MAXIMUM if is_list and parent and not parent.name.startswith("__") else 1

    def _first(self, node: FieldNode, definition: GraphQLField) -> int:
        given: object = definition.args["first"].default_value
        for argument in node.arguments or ():
            if argument.name.value == "first":
                value = argument.value
                if isinstance(value, IntValueNode):
                    given = int(value.value[:10])
                elif isinstance(value, VariableNode):
                    given = self.variables.get(value.name.value, given)
        return max(given, 1) if isinstance(given, int) else FIRST_MAXIMUM

    def _check_keys(self, measure: Measure) -> None:
        _at_most("same_key", max(measure.keys.values(), default=0), self.bounds.same_key)

    def _count_directives(self, directives: Sequence[DirectiveNode] | None) -> None:
        self.directives += len(directives or ())
        _at_most("directives", self.directives, self.bounds.directives)


_HIDDEN = ("__schema", "__type")
_REMEDY = "split the operation"


def _at_most(limit: str, measured: int, allowed: int) -> None:
    if measured > allowed:
        raise LimitExceeded(limit, allowed, f"the operation is over `{limit}` {allowed}; {_REMEDY}")


def _values(
    operation: OperationDefinitionNode, variables: Mapping[str, object]
) -> dict[str, object]:
    """The variables with the defaults that the operation gives to whole numbers."""
    values: dict[str, object] = {}
    for definition in operation.variable_definitions or ():
        if isinstance(definition.default_value, IntValueNode):
            values[definition.variable.name.value] = int(definition.default_value.value[:10])
    return {**values, **variables}


def _written(definition: GraphQLField) -> str:
    """The type of a field as the schema text writes it, e.g. `[Run!]!`."""
    return str(definition.type)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _root_type(schema: GraphQLSchema, operation: OperationType) -> GraphQLNamedType | None:
    return schema.get_root_type(operation)


def _definition(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        return parent.fields.get(name)
    return None
