/** What the compiler's child uses beyond what the evaluator does. */
declare namespace WebAssembly {
  function instantiate(module: Module, imports: object): Promise<Instance>;
}
