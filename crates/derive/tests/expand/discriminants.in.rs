enum Level {
    High = 10,
    Low = -1,
    Zero,
}
