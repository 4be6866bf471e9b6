/** Writes the examples of all READMEs as they stand, for the type checker (tsconfig.examples.json). */
import { clearExamples, collectReadmes, writeExample } from "./readmes.ts";

clearExamples("types");
for (const readme of collectReadmes()) {
  for (const example of readme.examples) writeExample("types", readme, example, example.code);
}
