@testable import Architectures
import Bytes
@testable import Conversion
import Foundation
import Tensors
import TestSupport
import Testing

/// Which rows of an output are those of which linear layer, for every family, both containers.
@Suite struct CalibratedRowTests {
  @Test(arguments: FamilyTests.names, ["model.gguf", "model"])
  func areThoseOfTheirLayers(_ name: String, _ output: String) throws {
    let checkpoint = try Checkpoint(path: "\(FamilyTests.folder)/\(name)")
    let folder = try TemporaryFolder()
    // Weights that are stored the other way round are turned where they are quantized.
    let isFile = output.hasSuffix(".gguf")
    let type = try TargetType(named: isFile ? "f32" : "nf4")
    let plan: Plan
    do throws(FileError) {
      plan = try Plan(
        converting: checkpoint, to: Destination(path: folder.file(output)),
        recipe: Recipe(isFile ? .elements(type) : .linearLayers(type)))
    } catch {
      // What has no such form says so; the other form is tried anyway.
      #expect(error.code == .unsupported || error.code == .mismatch, "\(error)")
      return
    }
    let finder = try CalibratedRowFinder(checkpoint)
    let known = Dictionary(checkpoint.tensors.map { ($0.name, $0.derivation) }) { first, _ in first }
    let pass = try checkpoint.requireModel().forwardPass(path: name)
    var layers: [String: [Float]] = [:]
    var found: Set<String> = []
    for tensor in plan.tensors {
      guard let parts = finder.parts(of: tensor.rows.derivation, shape: tensor.shape) else { continue }
      let columns = tensor.shape.last ?? 1
      let values = try tensor.rows.values()
      let rows = tensor.shape.dropLast().last ?? 1
      for (matrix, parts) in parts.enumerated() {
        #expect(parts.flatMap(\.rows).sorted() == Array(0..<rows), "\(tensor.name): every row is one layer's")
        for part in parts {
          if layers[part.key] == nil {
            let linear = try #require(pass.linears.first { $0.key == part.key }?.linear)
            layers[part.key] = try DerivedTensor(
              linear.weight.derivation.substituting(known), inputs: checkpoint.inputs
            ).values()
          }
          let layer = try #require(layers[part.key])
          found.insert(part.key)
          for (row, own) in zip(part.rows, part.layerRows) {
            let start = (matrix * rows + row) * columns
            #expect(
              values[start..<start + columns].elementsEqual(layer[own * columns..<(own + 1) * columns]),
              "\(tensor.name) row \(row)")
          }
        }
      }
    }
    // Every layer is found somewhere, a tied head aside, and stacks that a folder keeps the other way round.
    let keepsStacks = !isFile && name.hasPrefix("GptOss")
    let wanted = Set((pass.hasOwnHead ? pass.linears : pass.linears.dropLast()).map(\.key))
      .filter { !keepsStacks || !$0.contains("@") }
    #expect(found == wanted, "not found: \(wanted.subtracting(found).sorted().prefix(4))")
  }
}
