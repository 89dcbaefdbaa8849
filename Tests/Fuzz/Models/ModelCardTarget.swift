internal import Conversion
internal import FuzzSupport
internal import Tensors

extension ModelsTargets {
  static let modelCard = FuzzTarget("model-card", seeds: ["Tests/Fuzz/Seeds/model-card", "README.md"]) { bytes in
    func card(of bytes: [UInt8]) -> [UInt8]? {
      let said = Dictionary(
        ModelCard.metadata(of: bytes).map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
      return ModelCard.card(title: nil) { said[$0] }
    }
    guard let first = card(of: bytes) else { return }
    try FuzzFinding.unless(card(of: first) == first, "a card that was written says something else when read")
  }
}
