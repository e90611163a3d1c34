/**
 * What this room uses of the WebAssembly JavaScript API. Node has it, `@types/node` does not declare it, and
 * TypeScript does so only with the whole DOM, whose globals no other room should see.
 */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
    static exports(module: Module): readonly { readonly name: string; readonly kind: string }[];
    static imports(module: Module): readonly { readonly module: string; readonly name: string }[];
    static customSections(module: Module, name: string): readonly ArrayBuffer[];
  }
  class Instance {
    constructor(module: Module, imports: object);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  interface MemoryDescriptor {
    initial: number;
    maximum?: number;
  }
  interface WebAssemblyInstantiatedSource {
    readonly module: Module;
    readonly instance: Instance;
  }
  function compile(bytes: Uint8Array): Promise<Module>;
}
