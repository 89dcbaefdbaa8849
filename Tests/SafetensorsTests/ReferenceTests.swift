import Bytes
import JSON
import Safetensors
import Tensors
import TestSupport
import Testing

private let fixtures = Fixtures(of: "Safetensors")

/// Our writer beside the reference libraries; `make.py` in the folder made the files.
struct ReferenceTests {
  @Test("A file of all element types is the same byte for byte", arguments: ["reference", "reference-metadata"])
  func bytes(name: String) throws {
    let file = try SafetensorsFile(path: fixtures.path("reference/\(name).safetensors"))
    #expect(file.tensors.count == 120)
    let plan = try SafetensorsWriter.plan(tensors: file.tensors.shuffled(), metadata: file.metadata)
    #expect(try plan.files[0].header == file.source.bytes(at: 0, count: file.dataOffset))
    #expect(plan.files[0].tensors == file.placedTensors)
    #expect(plan.files[0].byteCount == file.source.byteCount)
  }

  @Test("Shards are cut at the same places")
  func shards() throws {
    let document = try JSONValue(parsing: fixtures.bytes("reference/shards.json"))
    let cases = try #require(document.array)
    #expect(cases.count == 40)
    for (number, element) in cases.enumerated() {
      let sizes = try #require(element["sizes"]?.array).compactMap { $0.int }
      let tensors = try sizes.enumerated().map { number, size in
        let digits = String(number)
        let name = "t" + String(repeating: "0", count: 3 - digits.count) + digits
        return try TensorDescriptor(name: name, encoding: .u8, shape: [size])
      }
      let plan = try SafetensorsWriter.plan(tensors: tensors, maximumShardBytes: 128)
      let planned: [JSONValue] = plan.files.map { file in
        let names = file.tensors.map { JSONValue.string($0.descriptor.name) }
        return ["name": .string(file.name), "tensors": .array(names)]
      }
      #expect(.array(planned) == element["files"], "case \(number)")
    }
  }
}
