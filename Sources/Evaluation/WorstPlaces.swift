/// The places with the greatest values so far, with what the models found most likely there. Of equal values the earlier
/// place counts, so that the result does not depend on how the text is divided.
struct WorstPlaces: Hashable, Sendable {
  struct Entry: Hashable, Sendable {
    /// Number of the scored place, in the order of the text.
    let place: Int
    let value: Double
    /// Of each model.
    let chances: [[TokenChance]]
  }

  static let most = 10
  /// The worst first.
  private(set) var entries: [Entry] = []

  init() {}

  /// Takes in places that follow those before.
  /// - Parameters:
  ///   - values: what was measured at each.
  ///   - first: number of the first.
  ///   - chances: what the models found most likely at one of `values`; asked of those that are among the worst.
  mutating func add(_ values: [Double], from first: Int, chances: (_ index: Int) -> [[TokenChance]]) {
    for index in values.indices.sorted(by: { (values[$1], $0) < (values[$0], $1) }).prefix(Self.most) {
      let value = values[index]
      guard entries.count < Self.most || value > (entries.last?.value ?? 0) else { return }
      let rank = entries.firstIndex { value > $0.value } ?? entries.count
      entries.insert(Entry(place: first + index, value: value, chances: chances(index)), at: rank)
      if entries.count > Self.most { entries.removeLast() }
    }
  }

  // MARK: - As numbers, for a record

  private static func numbersPerEntry(models: Int) -> Int { 2 + models * TokenChance.kept * 2 }

  /// How many numbers tell the worst of that many places.
  static func numberCount(places: Int, models: Int) -> Int { min(places, most) * numbersPerEntry(models: models) }

  var numbers: [Double] {
    entries.flatMap { entry in
      [Double(entry.place), entry.value]
        + entry.chances.flatMap { chances in
          (0..<TokenChance.kept).flatMap { rank in
            // A vocabulary may have fewer tokens.
            rank < chances.count ? [Double(chances[rank].token), chances[rank].probability] : [-1, 0]
          }
        }
    }
  }

  /// - Parameters:
  ///   - numbers: as many as `numberCount` says.
  ///   - places: how many there are.
  /// - Returns: nil for numbers that are no such places.
  init?(numbers: some Collection<Double>, places: Int, models: Int) {
    let numbers = Array(numbers)
    let size = Self.numbersPerEntry(models: models)
    for start in stride(from: 0, to: numbers.count / size * size, by: size) {
      guard let place = Int(exactly: numbers[start]), (0..<places).contains(place) else { return nil }
      var chances: [[TokenChance]] = []
      for model in 0..<models {
        var ofModel: [TokenChance] = []
        for rank in 0..<TokenChance.kept {
          let at = start + 2 + (model * TokenChance.kept + rank) * 2
          guard let token = Int32(exactly: numbers[at]) else { return nil }
          if token >= 0 { ofModel.append(TokenChance(token: token, probability: numbers[at + 1])) }
        }
        chances.append(ofModel)
      }
      entries.append(Entry(place: place, value: numbers[start + 1], chances: chances))
    }
  }
}
