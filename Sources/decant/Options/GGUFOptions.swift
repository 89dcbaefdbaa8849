internal import ArgumentParser
internal import Conversion

/// What is changed of a model that becomes a GGUF, besides types.
struct GGUFOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Layers to leave out, as 3,7,8; the ones behind them move up.", valueName: "numbers"))
  var pruneLayers: LayerList?

  @Option(
    name: .customLong("override-kv"),
    help: ArgumentHelp(
      "Set a key of the metadata: the type is int, float, bool or str. May be given several times.",
      valueName: "key=type:value"),
    transform: Self.override)
  var overrides: [MetadataOverride] = []

  private static func override(_ argument: String) throws -> MetadataOverride {
    guard let override = MetadataOverride(argument) else {
      throw ValidationError("\(argument): key=type:value is expected, with int (0 to 4294967295), float, bool or str.")
    }
    return override
  }

  func applied(to recipe: Recipe) -> Recipe {
    var recipe = recipe
    recipe.prunedLayers = pruneLayers?.layers ?? []
    recipe.metadata = overrides
    return recipe
  }
}

/// Numbers of layers between commas.
struct LayerList: ExpressibleByArgument {
  let layers: Set<Int>

  init?(argument: String) {
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    let layers = Set(numbers.compactMap(\.self))
    guard !numbers.contains(nil), layers.allSatisfy({ $0 >= 0 }) else { return nil }
    self.layers = layers
  }
}
