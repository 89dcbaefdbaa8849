internal import FuzzSupport
internal import Quantization

extension ModelsTargets {
  static let quantState = FuzzTarget("quant-state", seeds: ["Tests/Fuzz/Seeds/quant-state"]) { bytes in
    var refusal: QuantStateError?
    for code in BlockwiseCode.all {
      let state: QuantState
      do throws(QuantStateError) {
        state = try QuantState(parsing: bytes, code: code)
      } catch {
        refusal = error
        continue
      }
      _ = (state.blockCount, state.codeByteCount)
      let again = try? QuantState(parsing: state.serialized(), code: code)
      return try FuzzFinding.unless(again == state, "\(state) is not the same when read again")
    }
    if let refusal { throw refusal }
  }
}
