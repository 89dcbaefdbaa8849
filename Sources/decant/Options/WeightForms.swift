internal import ArgumentParser
internal import Conversion
internal import Quantization

/// Forms that weights may have, in one word each: `q4_k_m`, `nf4/64+double`, `gptq:int4/128`.
enum WeightForms {
  /// What people choose from.
  static let usual = [
    "bf16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "iq4_xs", "q3_k_m", "q2_k", "int8", "nf4", "nf4+double", "mlx:int4/64",
    "gptq:int4/128", "awq:int4/128",
  ]

  /// What is named where none of those fits: of the fewest bits, but for types that a model has to be trained for.
  static let smallest = ["q3_k_s", "mlx:int3/64", "mlx:int2/64", "mlx:int2/128"]

  /// The recipe of a form, and the container that has it.
  /// - Throws: `ValidationError` for what is none.
  static func parse(_ word: String, of checkpoint: Checkpoint? = nil) throws -> (recipe: Recipe, container: Container) {
    var rest = word[...]
    var arguments: [String] = []
    if rest.hasSuffix("+double") {
      rest = rest.dropLast("+double".count)
      arguments.append("--double-quant")
    }
    var layout: Substring?
    if let colon = rest.firstIndex(of: ":") {
      layout = rest[..<colon]
      rest = rest[rest.index(after: colon)...]
      arguments += ["--layout", String(layout ?? "")]
    }
    if let slash = rest.firstIndex(of: "/") {
      arguments += [layout == nil ? "--block-size" : "--group-size", String(rest[rest.index(after: slash)...])]
      rest = rest[..<slash]
    }
    guard !rest.isEmpty else { throw ValidationError("--type \(word): the name of a type is missing.") }
    let options: TypeOptions
    do {
      options = try TypeOptions.parse(arguments)
    } catch {
      throw ValidationError("--type \(word): \(TypeOptions.message(for: error))")
    }
    // Blocks and scales that the type has not are refused as quantize does.
    if !arguments.isEmpty { try options.checkUse(with: [String(rest)]) }
    let recipe = try options.ruled(by: String(rest), of: checkpoint, isCalibrated: true)
    return (recipe, layout == nil ? Container.forOutput("model", recipe) : .safetensors)
  }
}
