/// A text on which tokenizers part that are not the same: words, numbers, spaces, scripts, marks, code.
public enum HardText {
  public static let text = """
    Hello, world! It's 9 o'clock; they'll've DON'T it's IT'S I'm we'RE 3rd 1,234,567.89 0x1F 1e-9 ½ ⅷ ² ٣٤ 一二三
      two   three    four     spaces \u{9}tab\u{9}\u{9}tabs \u{A0}hard\u{2003}wide\u{200B}none
    \u{D}

    \u{D}


    trailing  \u{20}
    snake_case camelCase HTTPServer2Go x+=1; y**=2 // a/b\\c "quotes" ‘curly’ “double” «guillemets» … — – -
    def f(x: int) -> None:\u{A}\u{9}return [i for i in range(10) if i % 2 == 0]  # comment
    <html><body class="a b">&amp;&#x27;</body></html> {"key": [1, 2.5, null, true]} ```sh\u{A}ls -la | grep '^d'```
    Größe Straße ÉCOLE école e\u{301}cole naïve ﬁ ﬀ ǅ İstanbul ıi Ωμέγα Привет, мир! Ёлка שלום עולם مرحبا بالعالم نص
    नमस्ते दुनिया สวัสดีชาวโลก မင်္ဂလာပါ 你好，世界！ こんにちは世界 カタカナ ﾊﾝｶｸ 안녕하세요 세계 \u{1112}\u{1161}\u{11AB}글
    😀😃 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 👍🏽 ✈️ © ™ ∑∫√∞ ≠≤≥ → ← ♥ € £ ¥ ₿ \u{1D518}\u{1D52B} \u{FEFF}bom \u{202E}rtl\u{202C}
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ................ ---------------- ================ !!!!????!!!!
    <s> </s> <|im_start|>user<|im_end|> <|endoftext|> <start_of_turn>model<end_of_turn> [INST] [/INST] <unk> <pad>
    https://example.org/a/b?c=d&e=%20f#g user@example.com C:\\Windows\\System32 ~/.config/file.tar.gz v1.2.3-rc.4+build5
    """
}
