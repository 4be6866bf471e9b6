// node scripts/inline-constants.mjs: in the working directory's dist/, writes the value of every imported numeric
// constant in its place, as `1 /* PTE_P */`. V8 folds a module's own constants and loads imported ones from the module
// that exports them, at each use: docs/decisions/0012 says what that costs. Lines stay where they were, so source maps hold. Imports stay too; what they name may be unused then.
import { createRequire } from "node:module";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";

const dist = resolve("dist");
for (const name of readdirSync(dist, { recursive: true })) {
  if (!name.endsWith(".js")) continue;
  const path = join(dist, name);
  const text = readFileSync(path, "utf8");
  const inlined = await inlineConstants(path, text);
  if (inlined !== text) writeFileSync(path, inlined);
}

/** Replaces the constants that one module imports from this workspace. */
async function inlineConstants(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const values = await importedNumbers(path, source);
  forgetShadowed(source, values);
  if (values.size === 0) return text;
  const edits = [];
  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    if (ts.isIdentifier(node) && values.has(node.text)) {
      const edit = replacement(node, values.get(node.text));
      if (edit !== null) edits.push({ start: node.getStart(source), end: node.end, text: edit });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  let result = text;
  for (const edit of edits.reverse())
    result = result.slice(0, edit.start) + edit.text + result.slice(edit.end);
  return result;
}

/** Collects the imported names that are finite numbers, by running the modules that export them. */
async function importedNumbers(path, source) {
  const values = new Map();
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement)) continue;
    const specifier = statement.moduleSpecifier.text;
    const bindings = statement.importClause?.namedBindings;
    const isOurs = specifier.startsWith(".") || specifier.startsWith("@pageframe/");
    if (!isOurs || bindings === undefined || !ts.isNamedImports(bindings)) continue;
    const file = specifier.startsWith(".")
      ? join(dirname(path), specifier)
      : createRequire(path).resolve(specifier);
    const exported = await import(pathToFileURL(file).href);
    for (const element of bindings.elements) {
      const value = exported[(element.propertyName ?? element.name).text];
      if (typeof value === "number" && Number.isFinite(value)) values.set(element.name.text, value);
    }
  }
  return values;
}

/** A name that the module declares again somewhere is left alone everywhere. */
function forgetShadowed(source, values) {
  const visit = (node) => {
    const isDeclaration = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node);
    if (isDeclaration && ts.isIdentifier(node.name)) values.delete(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
}

/** Text for a use of a constant, or null where the identifier is only a name. */
function replacement(node, value) {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return null;
  if (ts.isShorthandPropertyAssignment(parent)) return `${node.text}: ${value}`;
  const isMemberName =
    ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent);
  if (isMemberName && parent.name === node) return null;
  const isNegative = value < 0 || Object.is(value, -0);
  return `${isNegative ? `(${value})` : value} /* ${node.text} */`;
}
