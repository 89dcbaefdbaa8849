import Architectures
import Bytes
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// What every container has in common.
@Suite struct ContainerTests {
  private let bench: Workbench
  private let model: String

  init() throws {
    bench = try Workbench()
    model = try bench.write(TinyCheckpoint())
  }

  /// A name that asks for the container.
  private func output(in container: Container) -> String {
    "out" + (container.isAlwaysFile ? container.fileEnding : "")
  }

  private func weightFile(of path: String) throws -> String {
    try #require(try Checkpoint(path: path).weightFiles.first)
  }

  @Test(arguments: Container.written) func isChosenByName(_ container: Container) throws {
    #expect(Container.forOutput("model" + container.fileEnding) == container)
    #expect(Container.forOutput("MODEL" + container.fileEnding.uppercased()) == container)
    #expect(container.isFile("model" + container.fileEnding))
  }

  @Test(arguments: Container.written) func whatIsWrittenIsReadAgain(_ container: Container) async throws {
    let before = try Checkpoint(path: model)
    let after = try Checkpoint(path: try await bench.convert(model, to: output(in: container)))
    #expect(after.container == container)
    #expect(Set(after.tensors.map(\.name)) == Set(before.tensors.map(\.name)))
    for tensor in before.tensors {
      let (own, other) = (try before.tensor(named: tensor.name), try after.tensor(named: tensor.name))
      #expect(try own?.values() == other?.values(), "\(tensor.name)")
    }
  }

  @Test(arguments: Container.written) func aFileIsKnownByItsFirstBytes(_ container: Container) async throws {
    let file = try weightFile(of: try await bench.convert(model, to: output(in: container)))
    let bytes = try Workbench.bytes(file)
    #expect(Container.of(start: Array(bytes.prefix(16))) == container)
    // Whatever its name is.
    let renamed = try bench.folder.write(bytes, to: "something")
    #expect(try Recognition.open(renamed).container == container)
  }

  @Test(arguments: Container.written) func aFileThatEndsEarlyIsRefused(_ container: Container) async throws {
    let file = try weightFile(of: try await bench.convert(model, to: output(in: container)))
    let bytes = try Workbench.bytes(file)
    for count in [0, 1, 7, 12, bytes.count / 2, bytes.count - 1] {
      let cut = try bench.folder.write(bytes.prefix(count), to: "cut" + container.fileEnding)
      let error = try #require(throws: FileError.self, "\(count) bytes") { try Checkpoint(path: cut) }
      #expect(error.path == cut)
    }
  }

  @Test(arguments: Container.written) func isPackedAndMadeAgain(_ container: Container) async throws {
    let output = try await bench.convert(model, to: output(in: container))
    let rebuild = try Rebuild(of: output, from: model)
    #expect(try await rebuild.run().differences == [])
    let file = try weightFile(of: output)
    let packed = bench.path("packed" + container.fileEnding + ".zst")
    _ = try await Packing.pack(file, to: packed, level: 3, workers: 2, replacing: false)
    _ = try await Packing.unpack(packed, to: bench.path("unpacked"), workers: 2, replacing: false)
    #expect(try Workbench.bytes(bench.path("unpacked")) == Workbench.bytes(file))
  }

  /// A container that is only read: a value without `writing`.
  private static let readOnly = Container(
    name: "readonly", fileEnding: ".readonly", magics: [[1, 2, 3]], widensVectors: false, byte: .u8,
    canHold: { _ in true }, open: { path, _ throws(FileError) in throw FileError(.unsupported, path: path, "a test") },
    openFolder: { _, _ in nil }, tensorPlaces: { _, _ in [] }, writing: nil)

  @Test func whatIsOnlyReadIsNoOutput() throws {
    let destination = Destination(path: bench.path("out.readonly"), container: Self.readOnly)
    let error = try #require(throws: FileError.self) {
      try Plan(converting: try Checkpoint(path: model), to: destination, recipe: Recipe(.keep))
    }
    #expect(error.code == .unsupported)
    #expect(error.message.contains("is read, and not written"), "\(error)")
  }
}
