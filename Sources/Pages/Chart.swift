/// A chart as a page has it: drawn for wide and for narrow screens, with the same numbers as a table behind it.
struct Chart {
  let caption: String
  let wide: String
  let narrow: String
  /// What is to be known to read it; nil for nothing.
  let note: String?
  let tables: PageContent.Group<Table>?

  init(_ caption: String, note: String, tables: [Table] = [], _ drawing: (_ isNarrow: Bool) -> Drawing) {
    self.caption = caption
    self.note = note.isEmpty ? nil : note
    self.tables = PageContent.Group(tables.filter { !$0.isEmpty })
    wide = drawing(false).markup
    narrow = drawing(true).markup
  }
}
