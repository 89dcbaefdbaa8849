/// What the template of a page is given. Texts are escaped by the template; drawings, style and script are ours.
struct PageContent {
  let title: String
  let lead: [Table.Part]
  let sections: [Section]
  let footer: String
  let style: String
  let script: String
  let scriptDigest: String

  struct Section {
    let anchor: String
    let heading: String
    var intro: [String] = []
    var tables: [Table] = []
    /// What is to be known of the tables, a sentence each.
    var remarks: Group<String>?
    var charts: Group<Chart>?
    var parts: [Part] = []
  }

  /// What is folded away: of one model of several.
  struct Part {
    let heading: String
    var isOpen = false
    var legend: Legend?
    var charts: Group<Chart>?
    var tables: [Table] = []
    var passages: Group<PassageContent>?
    var listings: [Listing] = []
  }

  struct Legend {
    let least: String
    let most: String
    let steps: [Step]

    struct Step {
      let style: String
    }
  }

  /// A text as it is, line by line.
  struct Listing {
    let heading: String
    let text: String
  }

  struct PassageContent {
    let value: Figure
    let window: Figure
    let position: Figure
    let tokens: [Token]
    /// What each model predicted.
    let choices: [Table]
    let table: Table

    struct Token {
      let word: String
      let style: String
      let score: Figure?
      let isTarget: Bool
      /// An entry for each line that ends in it.
      let breaks: [String]
    }
  }

  /// Some of a kind, in an element that is not there where there are none.
  struct Group<Item> {
    let items: [Item]

    init?(_ items: [Item]) {
      guard !items.isEmpty else { return nil }
      self.items = items
    }
  }
}
