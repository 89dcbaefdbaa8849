import Testing

@testable import Evaluation

@Suite struct StatisticsTests {
  @Test func percentilesAreInterpolated() {
    let percentiles = Percentiles([4, 1, 3, 2])
    #expect(percentiles[0] == 1)
    #expect(percentiles[100] == 4)
    #expect(percentiles[50] == 2.5)
    #expect(abs(percentiles[90] - 3.7) < 1e-12)
    #expect(Percentiles([7])[99.9] == 7)
    #expect(Percentiles([])[50].isNaN)
    let hundred = Percentiles((0...100).map(Double.init))
    #expect(abs(hundred[99.9] - 99.9) < 1e-9)
    #expect(hundred[95] == 95)
  }

  @Test func meansHaveErrors() {
    let mean = Mean([1, 2, 3, 4])
    #expect(mean.value == 2.5)
    // E[x²] - E[x]² = 7.5 - 6.25, divided by 3.
    #expect(abs(mean.standardError - (1.25 / 3).squareRoot()) < 1e-15)
    #expect(Mean([5]).standardError == 0)
    #expect(Mean([]).value.isNaN)
  }

  @Test func numbersReadWell() {
    #expect(NumberText.fixed(9.20906, 4) == "9.2091")
    #expect(NumberText.fixed(-0.00001, 4) == "0.0000")
    #expect(NumberText.fixed(-1.5, 0) == "-2")
    #expect(NumberText.fixed(0.05, 2) == "0.05")
    #expect(NumberText.fixed(.nan, 2) == "not a number")
    #expect(NumberText.fixed(.infinity, 2) == "inf")
    #expect(NumberText.significant(0.0123456, 3) == "0.0123")
    #expect(NumberText.significant(123.456, 3) == "123")
    #expect(NumberText.significant(1.2345e-7, 3) == "1.23e-07")
    #expect(NumberText.significant(9.999e-7, 3) == "1.00e-06")
    #expect(NumberText.significant(0, 3) == "0")
    #expect(NumberText.significant(Double.leastNonzeroMagnitude, 2) == "4.9e-324")
    #expect(NumberText.signed(0.5, 1) == "+0.5")
    #expect(NumberText.signed(-0.5, 1) == "-0.5")
    #expect(NumberText.percent(0.97876) == "97.88 %")
    #expect(NumberText.bytes(999) == "999 B")
    #expect(NumberText.bytes(2_200_000_000) == "2.20 GB")
    #expect(NumberText.bytes(999_999) == "1.00 MB")
    #expect(NumberText.bytes(54_321) == "54.3 kB")
    #expect(NumberText.grouped(1_234_567) == "1,234,567")
    #expect(NumberText.grouped(12) == "12")
  }
}
