import Architectures
import Bytes
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Columns that belong to groups in any order (GPTQ's `desc_act`): of a feed-forward network's last product they can be put
/// in the order of the groups, if the network's neurons are.
@Suite struct ActOrderTests {
  private static let down = "model.layers.0.mlp.down_proj.weight"
  private static let inner = ["gate_proj", "up_proj"].map { "model.layers.0.mlp.\($0).weight" }

  private static func recipe(_ rule: Recipe.Rule, undoes: Bool = true) -> Recipe {
    var recipe = Recipe(rule)
    recipe.undoesActOrder = undoes
    return recipe
  }

  /// The values of the Hugging Face form.
  private static func values(_ name: String, _ checkpoint: Checkpoint) throws -> [Float] {
    let found = try #require(checkpoint.tensors.first { $0.name == name })
    let tensor = try DerivedTensor(found.derivation, inputs: checkpoint.inputs)
    let elements = 0..<tensor.elementCount
    var (values, scratch) = ([Float](repeating: 0, count: elements.count), [UInt8]())
    var span = values.mutableSpan
    try tensor.read(elements: elements, into: &span, scratch: &scratch)
    return values
  }

  /// Folders whose codes another form holds when they are in order.
  static let kept = [
    ("gptq-4bit-ordered", Recipe.Rule.keep, "out.gguf"), ("gptq-4bit-ordered", .layout("mlx"), "out"),
    ("gptq-4bit-ordered-zeros-v2", .layout("mlx"), "out"), ("compressed-tensors-int4-ordered", .keep, "out.gguf"),
    ("compressed-tensors-int4-ordered", .layout("mlx"), "out"),
    ("compressed-tensors-int4-ordered-zeros", .layout("mlx"), "out"),
  ]

  @Test(arguments: kept) func theNetworkIsTheSame(folder: String, rule: Recipe.Rule, output: String) async throws {
    let bench = try Workbench()
    let source = try Checkpoint(path: LayoutFixtureTests.path(folder))
    func convert(undoes: Bool) async throws -> (plan: Plan, checkpoint: Checkpoint) {
      let destination = Destination(path: bench.path((undoes ? "undone-" : "left-") + output))
      let plan = try Plan(converting: source, to: destination, recipe: Self.recipe(rule, undoes: undoes))
      try await plan.pour(workers: 2)
      return (plan, try Checkpoint(path: destination.path))
    }
    let (undone, left) = (try await convert(undoes: true), try await convert(undoes: false))
    func cost(_ plan: Plan) -> TensorCost? {
      plan.tensors.first { $0.rows.derivation.sources.map(\.name) == [Self.down] }?.cost
    }
    #expect(cost(undone.plan) == .repacked && cost(left.plan) != .repacked)
    #expect(undone.plan.notes.contains { $0.cause.hasPrefix("its act-order is undone") && $0.names == [Self.down] })
    #expect(left.plan.notes.contains { $0.remedy == .undoActOrder && $0.names == [Self.down] })

    let ordered = try #require(source.orderedWeights[Self.down])
    let weight = try #require(source.weights.first { $0.name == Self.down } as? GroupedWeight)
    let order = try #require(weight.inOrderOfGroups?.order)
    #expect(order != order.sorted() && order.sorted() == Array(order.indices))
    #expect(Set(ordered.tensors.map(\.name)) == Set(Self.inner))
    // Columns are moved and keep every value.
    let (before, after) = (try Self.values(Self.down, source), try Self.values(Self.down, undone.checkpoint))
    let width = order.count
    #expect(after == before.indices.map { before[$0 / width * width + order[$0 % width]] })
    // The neurons before it are what they become without, in that order.
    for name in Self.inner {
      let (before, after) = (try Self.values(name, left.checkpoint), try Self.values(name, undone.checkpoint))
      let width = before.count / order.count
      #expect(after == before.indices.map { before[order[$0 / width] * width + $0 % width] }, "\(name)")
    }
  }

  @Test(arguments: [
    ("gptq-4bit-ordered", "compressed-tensors", "its act-order is left, since its codes are kept with it"),
    ("gptq-4bit-ordered", "awq", "its act-order is left, since its codes would not be kept without it either"),
    ("gptq-4bit-group32", "mlx", "nothing is in act-order"),
  ]) func isLeft(folder: String, layout: String, cause: String) throws {
    let bench = try Workbench()
    let source = try Checkpoint(path: LayoutFixtureTests.path(folder))
    func plan(undoes: Bool) throws -> Plan {
      try Plan(
        converting: source, to: Destination(path: bench.path("out"), recordsProvenance: false),
        recipe: Self.recipe(.layout(layout), undoes: undoes))
    }
    let (undoing, usual) = (try plan(undoes: true), try plan(undoes: false))
    #expect(undoing.notes.contains { $0.cause.hasPrefix(cause) })
    #expect(undoing.tensors.map(\.cost) == usual.tensors.map(\.cost))
    #expect(undoing.tensors.map(\.rows.derivation) == usual.tensors.map(\.rows.derivation))
  }

  /// Whatever is made of it later, what knows the neurons by their places does not fit.
  @Test func isRememberedByWhatIsMadeOfIt() async throws {
    let bench = try Workbench()
    let source = try Checkpoint(path: LayoutFixtureTests.path("gptq-4bit-ordered"))
    #expect(!source.hasReorderedNeurons)
    let (first, second) = (bench.path("first.gguf"), bench.path("second"))
    try await Plan(converting: source, to: Destination(path: first), recipe: Self.recipe(.keep)).pour(workers: 1)
    let undone = try Checkpoint(path: first)
    let plan = try Plan(
      converting: undone, to: Destination(path: second), recipe: Recipe(.elements(try TargetType(named: "f32"))))
    try await plan.pour(workers: 1)
    for path in [first, second] {
      #expect(try Checkpoint(path: path).hasReorderedNeurons)
      #expect(try Inspection(path: path).provenance?.summary.hasSuffix(", act-order undone") == true)
    }
    #expect(undone.tensorsOfNeurons == Set(Self.inner + [Self.down]))
    var recipe = Recipe(.keep)
    #expect(Plan.notes(ofReorderedNeurons: undone, recipe).isEmpty)
    recipe.importance = try ImportanceMatrix(path: ImportanceMatrixTests.path("valid/one.gguf"))
    #expect(Plan.notes(ofReorderedNeurons: undone, recipe).count == 1)
    #expect(Plan.notes(ofReorderedNeurons: source, recipe).isEmpty)
  }

  @Test func isRecordedAndMadeAgain() async throws {
    let bench = try Workbench()
    let source = try Checkpoint(path: LayoutFixtureTests.path("gptq-4bit-ordered"))
    let path = bench.path("out.gguf")
    try await Plan(converting: source, to: Destination(path: path), recipe: Self.recipe(.keep)).pour(workers: 1)
    let rebuild = try Rebuild(of: path, from: LayoutFixtureTests.path("gptq-4bit-ordered"))
    #expect(rebuild.settings.contains("act-order is undone"))
    #expect(try await rebuild.run(workers: 1).differences == [])
  }
}
