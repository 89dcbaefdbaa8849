internal import ArgumentParser
internal import Bytes
internal import Conversion

/// LoRA adapters that are merged on the way.
struct AdapterOptions: ParsableArguments {
  @Option(
    name: .customLong("adapter"),
    help: ArgumentHelp(
      "An adapter to merge, a folder of PEFT or MLX or a GGUF, with what its change is multiplied by. May be given several times.",
      valueName: "adapter[:weight]"), completion: .file())
  var adapters: [AdapterArgument] = []

  /// The model with all adapters in it.
  func merged(into checkpoint: Checkpoint) throws(FileError) -> Checkpoint {
    var result = checkpoint
    for argument in adapters {
      StatusLine.shared.begin("reading the adapter \(argument.path)")
      result = try result.adding(try Adapter(path: argument.path, weight: argument.weight))
    }
    return result
  }
}

struct AdapterArgument: ExpressibleByArgument {
  let path: String
  let weight: Float

  init?(argument: String) {
    // A colon may also be part of a path: only a number behind the last one is a weight.
    if let colon = argument.lastIndex(of: ":"), let weight = Float(argument[argument.index(after: colon)...]),
      weight.isFinite, !argument[..<colon].hasSuffix("://"),
      RemoteStores.own(argument) || (try? FileSystem.exists(argument)) == false
    {
      self.path = InputPath.model(String(argument[..<colon]))
      self.weight = weight
    } else {
      self.path = InputPath.model(argument)
      self.weight = 1
    }
    if path.isEmpty { return nil }
  }
}
