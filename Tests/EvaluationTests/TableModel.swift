@_spi(Benchmarks) import Quantization
import Bytes
import Inference
import TestSupport

/// A model that looks only at the last token and knows the logits that follow each by heart.
struct TableModel: LanguageModel {
  /// Logits after each token.
  let table: [[Float]]

  var vocabularySize: Int { table.count }

  func hiddenStates(of windows: [[Int32]], at positions: Range<Int>, workers: Workers) async throws -> Matrix {
    let matrix = Matrix(rows: windows.count * positions.count, columns: 1)
    matrix.withMutableRows(0..<matrix.rows) { values in
      for row in values.indices {
        values[row] = Float(windows[row / positions.count][positions.lowerBound + row % positions.count])
      }
    }
    return matrix
  }

  func writeLogits(from states: Matrix, rows: Range<Int>, to logits: Matrix, workers: Workers) async throws {
    for row in rows {
      let token = states.withRow(row) { Int($0[0]) }
      logits.withMutableRows(row - rows.lowerBound..<row - rows.lowerBound + 1) { values in
        for index in values.indices { values[index] = table[token][index] }
      }
    }
  }

  /// Logits from a generator with a seed.
  static func random(_ size: Int, seed: UInt64, spread: Float = 4) -> TableModel {
    var generator = SeededGenerator(seed: seed)
    return TableModel(
      table: (0..<size).map { _ in (0..<size).map { _ in Float.random(in: -spread...spread, using: &generator) } })
  }

  /// This model with its logits shaken a little.
  func shaken(_ amount: Float, seed: UInt64) -> TableModel {
    var generator = SeededGenerator(seed: seed)
    return TableModel(
      table: table.map { row in row.map { $0 + Float.random(in: -amount...amount, using: &generator) } })
  }
}
