internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Quantization

/// The type of quantized tensors.
struct TypeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Elements that share a scale, for nf4, fp4, int4 and int8.", valueName: "n"))
  var blockSize: Int = 64

  @Flag(inversion: .prefixedNo, help: "Quantize the scales of nf4, fp4, int4 and int8 too.")
  var doubleQuant = false

  @Flag(
    help:
      "Give every two-dimensional weight the type, as llama-quantize's --pure. Accepted already; so far it is what bare names mean."
  )
  var pure = false

  @Option(
    name: .customLong("tensor-type"),
    help: ArgumentHelp(
      "A type for the output tensors whose names the regular expression is found in. May be given several times; the first that matches decides.",
      valueName: "regex=type"))
  var tensorTypes: [String] = []

  /// The type of that name, with the options given.
  func type(named name: String) throws -> TargetType {
    guard let type = TypeNames.type(named: name, blockSize: blockSize, isDoubleQuantized: doubleQuant) else {
      throw ValidationError(TypeNames.refusal(of: name, blockSize: blockSize))
    }
    return type
  }

  func overrides() throws -> [Recipe.Override] {
    try tensorTypes.map { argument in
      guard let equals = argument.lastIndex(of: "=") else {
        throw ValidationError("--tensor-type \(argument): a regular expression, '=' and a type are expected.")
      }
      let pattern = String(argument[..<equals])
      let type = try type(named: String(argument[argument.index(after: equals)...]))
      do throws(FileError) {
        return try Recipe.Override(pattern: pattern, type: type)
      } catch {
        throw ValidationError("--tensor-type \(argument): \(pattern) is no regular expression.")
      }
    }
  }
}
