internal import Allocation
internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON

/// What a search for types has found.
struct TargetReport {
  let target: SizeTarget
  let outcome: TargetSearch.Outcome
  /// How long the search took.
  let seconds: Double

  /// Tables for people: what was tried, and how many tensors get which type.
  func forEachLine(isVerbose: Bool, _ line: (String) -> Void) {
    ReportTable(
      "Types that were tried", columns: ["", "Size", "Bits", "KL, estimated", "KL, measured", ""],
      rows: outcome.candidates.map { candidate in
        [
          candidate.name, NumberText.bytes(candidate.byteCount), NumberText.fixed(candidate.bitsPerWeight, 2),
          candidate.estimate.map { NumberText.significant($0, 3) } ?? "-",
          candidate.measured.map { NumberText.significant($0, 3) } ?? "-",
          candidate.table.types.mapValues(\.text) == outcome.best.table.types.mapValues(\.text) ? "taken" : "",
        ]
      }
    ).forEachLine(line)
    line("looked for in \(DurationText.of(seconds))")
    let names = outcome.best.table.types.keys.sorted(by: LayerNames.precedes)
    if isVerbose {
      let tensors = Dictionary(outcome.tensors.map { ($0.name, $0) }) { first, _ in first }
      ReportTable(
        "Types, and what they add to the KL divergence, as estimated", columns: ["Tensor", "Type", "KL"], leading: 2,
        rows: names.map { name in
          let type = outcome.best.table.types[name]?.text ?? ""
          let damage = tensors[name]?.options.first { $0.type.text == type }?.damage
          return [name, type, damage.map { NumberText.significant($0, 3) } ?? "-"]
        }
      ).forEachLine(line)
      return
    }
    // Tensors of all layers that are named alike, on a line.
    let kinds = Dictionary(grouping: names, by: LayerNames.kind)
    let order = kinds.keys.sorted { LayerNames.precedes(kinds[$0]?.first ?? "", kinds[$1]?.first ?? "") }
    ReportTable(
      "Types of the tensors of all layers, and how many have each", columns: ["Tensors", "Types"], leading: 2,
      rows: order.map { kind in
        let types = Dictionary(grouping: kinds[kind] ?? []) { outcome.best.table.types[$0]?.text ?? "" }.mapValues(
          \.count)
        let text = types.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
          $1 == 1 && types.count == 1 ? $0 : "\($0) \($1)x"
        }
        return [kind, text.joined(separator: ", ")]
      }
    ).forEachLine(line)
  }

  /// Keys: `taken` (name of the candidate), `candidates` (each with `name`, `bytes`, `bits_per_weight`, `estimated_kl`, `measured_kl`),
  /// `types` (by tensor), `seconds` that the search took.
  var json: JSONValue {
    [
      "taken": .string(outcome.best.name), "seconds": .number(seconds),
      "candidates": .array(
        outcome.candidates.map { candidate in
          [
            "name": .string(candidate.name), "bytes": .integer(candidate.byteCount),
            "bits_per_weight": .finite(candidate.bitsPerWeight),
            "estimated_kl": candidate.estimate.map { .finite($0) } ?? .null,
            "measured_kl": candidate.measured.map { .finite($0) } ?? .null,
          ]
        }),
      "types": .object(outcome.best.table.types.mapValues { .string($0.text) }),
    ]
  }

  /// What a saved recipe says of how it was found.
  var origin: [String: JSONValue] {
    var members: [String: JSONValue] = [
      "bytes": .integer(outcome.best.byteCount), "bits_per_weight": .finite(outcome.best.bitsPerWeight),
    ]
    members["measured_kl"] = outcome.best.measured.map { .finite($0) }
    switch target {
    case .byteCount(let bytes): members["target_bytes"] = .integer(bytes)
    case .bitsPerWeight(let bits): members["target_bits_per_weight"] = .finite(bits)
    case .divergence(let nats): members["target_kl"] = .finite(nats)
    }
    return members
  }
}
