import Allocation
import Conversion
import Quantization
import Testing

@Suite struct AllocationExample {
  @Test func example() throws {
    let (small, large) = (TargetType(codec: Q4_0()), TargetType(codec: Q8_0()))
    let tensors = [("attn_v", 0.02), ("ffn_up", 0.005)].map { name, damage in
      TensorOptions(
        name: name, elementCount: 4096,
        options: [
          TypeOption(type: small, byteCount: 2304, damage: damage), TypeOption(type: large, byteCount: 4352, damage: 0),
        ])
    }
    let chosen = Allocator(tensors).allocation(within: 7000)
    print(chosen?.byteCount ?? 0, chosen?.damage ?? 0)
    #expect(chosen?.choices == [1, 0])
  }
}
