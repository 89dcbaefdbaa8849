internal import Bytes
internal import Quantization
internal import Synchronization
internal import Tensors

/// The largest magnitude of tensors that are encoded with a scale for all of their values, or those of several tensors.
struct Magnitudes: Sendable {
  private let known: [String: Float]

  init(_ known: [String: Float] = [:]) { self.known = known }

  /// 0 where it need not be known.
  func of(_ tensor: PlannedTensor) -> Float { tensor.magnitudeOwner.flatMap { known[$0] } ?? 0 }
}

extension PlannedTensor {
  /// What its largest magnitude is kept under; nil where that need not be known.
  fileprivate var magnitudeOwner: String? {
    guard case .group(let output) = action, output.needsMagnitude else { return nil }
    return output.magnitudeOwner ?? name
  }
}

extension Plan {
  /// Looks at all values of such tensors once.
  /// - Parameter finished: tensors that are there already, by number.
  func magnitudes(but finished: Set<Int>, workers: Int) async throws(FileError) -> Magnitudes {
    let owners = Set(tensors.indices.filter { !finished.contains($0) }.compactMap { tensors[$0].magnitudeOwner })
    let read = allTensors.filter { $0.magnitudeOwner.map(owners.contains) == true }
    guard !read.isEmpty else { return Magnitudes() }
    let queue = RunQueue(read)
    let found = Mutex<[String: Float]>([:])
    try await Workers(count: max(1, workers)).work(taking: { queue.next() }, with: { _ in Buffer() }) {
      (run, buffer) throws(FileError) in
      try Interruption.check(destination.path)
      let magnitude = try buffer.magnitude(of: run.tensor.rows, run.elements)
      guard let owner = run.tensor.magnitudeOwner else { return }
      found.withLock { $0[owner] = max($0[owner] ?? 0, magnitude) }
    }
    return Magnitudes(found.withLock { $0 })
  }

  private final class Buffer {
    private var values: [Float] = []
    private var scratch: [UInt8] = []

    func magnitude(of rows: DerivedTensor, _ elements: Range<Int>) throws(FileError) -> Float {
      var values = values
      self.values = []
      defer { self.values = values }
      if values.count < elements.count { values = [Float](repeating: 0, count: elements.count) }
      var span = values.mutableSpan
      var part = span._mutatingExtracting(0..<elements.count)
      try rows.read(elements: elements, into: &part, scratch: &scratch)
      // What is not finite is found and told when it is encoded.
      let largest = KernelSet.best.largestMagnitude(of: part.span)
      return largest.isFinite ? largest : 0
    }
  }

  /// Hands out runs of the elements of tensors.
  private final class RunQueue: Sendable {
    private let tensors: [PlannedTensor]
    private let place = Mutex((tensor: 0, element: 0))

    init(_ tensors: [PlannedTensor]) { self.tensors = tensors }

    func next() -> (tensor: PlannedTensor, elements: Range<Int>)? {
      place.withLock { place in
        while place.tensor < tensors.count {
          let tensor = tensors[place.tensor]
          let size = tensor.rows.slabElements(atMost: DerivedTensor.slabElements)
          let elements = place.element..<min(place.element + size, tensor.elementCount)
          place.element = elements.upperBound
          if elements.upperBound == tensor.elementCount { place = (place.tensor + 1, 0) }
          if !elements.isEmpty { return (tensor, elements) }
        }
        return nil
      }
    }
  }
}
