// CustomResourceDefinitions and the kinds that they bring: a definition in the store becomes rows of the table of types,
// with its schema as their decoder, defaults, validation, rules (CEL) and columns. Invariant: what is in the store has
// passed the schema that was in force when it was written. There is no conversion between versions but by name, no
// scale subresource, no budget for the cost of rules, and a watch goes on with the definition that it began with.
export { definitionBehaviour } from "./behaviour.ts";
export { definitionColumns } from "./columns.ts";
export { DefinitionController } from "./controller.ts";
export { definitions } from "./definition.ts";
