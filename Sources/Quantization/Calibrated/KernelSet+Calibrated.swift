internal import CKernels

/// A few rows on their way, with what encoding them needs.
struct CalibratedRows {
  var coded: CodedRows
  /// What is to be stored, by places.
  var targets: [Float]
  /// Of double quantization, for each block of each row; empty for none.
  var nested: [Float]
  var nestedOffset: Float = 0
  /// What scales of eight bits are multiplied by.
  var number: Float = 1
}

extension KernelSet {
  /// Rows that are encoded together at most.
  static let calibratedRows = Int(DECANT_CALIBRATED_ROWS)

  /// Chooses codes and scales of rows, block after block in the order of places, errors moving later targets.
  func encodeWithFeedback(_ rows: inout CalibratedRows, order: [UInt32], factor: Matrix, weights: [Float]) {
    precondition(
      order.count == rows.coded.columns && weights.count == order.count && factor.rows == order.count
        && factor.columns == order.count && rows.coded.rows <= Self.calibratedRows
        && rows.targets.count == rows.coded.rows * order.count
        && order.allSatisfy { $0 < order.count }, "shapes do not fit")
    let loop = unsafe table.encode_with_feedback
    unsafe order.withUnsafeBufferPointer { order in
      unsafe weights.withUnsafeBufferPointer { weights in
        unsafe rows.withProblem { problem in
          guard let order = order.baseAddress, let weights = weights.baseAddress else { return }
          unsafe problem.order = order
          unsafe problem.weights = weights
          unsafe problem.factor = UnsafePointer(factor.start(row: 0, column: 0))
          unsafe loop(&problem)
        }
      }
    }
  }

  /// One sweep of descent over the codes and scales of a single row.
  /// - Parameters:
  ///   - moments: damped, by columns.
  ///   - slopes: what the quadratic grows by, for each column, divided by the row's weight; kept up to date.
  func descend(_ rows: inout CalibratedRows, moments: Matrix, slopes: inout MutableSpan<Float>) {
    precondition(
      rows.coded.rows == 1 && moments.rows == rows.coded.columns && moments.columns == rows.coded.columns
        && slopes.count == rows.coded.columns, "shapes do not fit")
    let loop = unsafe table.descend
    unsafe slopes.withUnsafeMutableBufferPointer { slopes in
      unsafe rows.withProblem { problem in
        guard let slopes = slopes.baseAddress else { return }
        unsafe loop(&problem, moments.start(row: 0, column: 0), slopes)
      }
    }
  }

  /// What the codes of rows stand for.
  func decode(_ rows: inout CalibratedRows, into values: inout MutableSpan<Float>) {
    precondition(values.count == rows.coded.rows * rows.coded.columns, "shapes do not fit")
    let loop = unsafe table.decode_calibrated
    unsafe values.withUnsafeMutableBufferPointer { values in
      unsafe rows.withProblem { problem in
        guard let values = values.baseAddress else { return }
        unsafe loop(&problem, values)
      }
    }
  }

  /// The scale of each block of a row by itself that leaves the least weighted error.
  func searchScales(of values: Span<Float>, weights: [Float], grid: ScalarGrid, into scales: inout [Float]) {
    precondition(
      values.count == weights.count && values.count % grid.block == 0 && scales.count == values.count / grid.block,
      "shapes do not fit")
    let loop = unsafe table.search_scales
    unsafe grid.withKernel(nestedOffset: 0, number: 1) { kernel in
      unsafe values.withUnsafeBufferPointer { values in
        unsafe weights.withUnsafeBufferPointer { weights in
          unsafe scales.withUnsafeMutableBufferPointer { scales in
            guard let start = values.baseAddress, let weights = weights.baseAddress, let scales = scales.baseAddress
            else { return }
            unsafe loop(&kernel, start, weights, values.count, scales)
          }
        }
      }
    }
  }
}

extension ScalarGrid {
  @unsafe fileprivate func withKernel(
    nestedOffset: Float, number: Float, _ body: (inout decant_grid) -> Void
  ) {
    unsafe levels.withUnsafeBufferPointer { levels in
      unsafe midpoints.withUnsafeBufferPointer { midpoints in
        unsafe DoubleQuantization.map.withUnsafeBufferPointer { map in
          // A grid has at least two levels, and so a midpoint.
          guard let start = levels.baseAddress, let middle = midpoints.baseAddress else { return }
          var grid = unsafe decant_grid(
            kind: kind.kernel, rounding: rounding.kernel, levels: start, midpoints: middle, count: levels.count,
            is_uniform: isUniform, has_both_signs: hasBothSigns, block: block, superblock: superblock,
            reference: reference, least_multiple: multiples.lowerBound, most_multiple: multiples.upperBound,
            least_steps: search.first, step: search.step, number: number,
            nested_map: rounding == .nested ? map.baseAddress : nil, nested_offset: nestedOffset)
          unsafe body(&grid)
        }
      }
    }
  }
}

extension CalibratedRows {
  /// Lends everything to a kernel; order, factor and weights are the caller's to set.
  @unsafe fileprivate mutating func withProblem(_ body: (inout decant_calibrated) -> Void) {
    let (rows, columns) = (coded.rows, coded.columns)
    precondition(rows > 0 && (nested.isEmpty || nested.count == coded.scales.count), "shapes do not fit")
    let grid = coded.grid
    let (offset, number) = (nestedOffset, number)
    let originals = targets
    unsafe originals.withUnsafeBufferPointer { originals in
      unsafe targets.withUnsafeMutableBufferPointer { targets in
        unsafe nested.withUnsafeBufferPointer { nested in
          unsafe coded.codes.withUnsafeMutableBufferPointer { codes in
            unsafe coded.scales.withUnsafeMutableBufferPointer { scales in
              unsafe coded.offsets.withUnsafeMutableBufferPointer { offsets in
                unsafe coded.multiples.withUnsafeMutableBufferPointer { multiples in
                  unsafe coded.minimums.withUnsafeMutableBufferPointer { minimums in
                    unsafe coded.superScales.withUnsafeMutableBufferPointer { superScales in
                      unsafe coded.superMinimums.withUnsafeMutableBufferPointer { superMinimums in
                        unsafe grid.withKernel(nestedOffset: offset, number: number) { grid in
                          guard let codes = codes.baseAddress, let scales = scales.baseAddress,
                            let offsets = offsets.baseAddress, let multiples = multiples.baseAddress,
                            let minimums = minimums.baseAddress, let superScales = superScales.baseAddress,
                            let superMinimums = superMinimums.baseAddress
                          else { return }
                          var problem = unsafe decant_calibrated(
                            grid: grid, rows: rows, columns: columns, order: nil, factor: nil, weights: nil,
                            originals: originals.baseAddress, targets: targets.baseAddress,
                            nested: nested.isEmpty ? nil : nested.baseAddress, codes: codes, scales: scales,
                            offsets: offsets, multiples: multiples, minimums: minimums, super_scales: superScales,
                            super_minimums: superMinimums)
                          unsafe body(&problem)
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
