/// Texts that would take hours if the time grew with the square of the length.
enum LongText {
  #if DEBUG
    // Unoptimized code takes thirty times as long.
    static let length = 20_000
  #else
    static let length = 1_000_000
  #endif
}
