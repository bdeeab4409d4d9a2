// Which of the palette's eight colours a term has (theme.css). 0 is the time
// before the first election, and grey; from term 9 on the colours come round.
export function termColour(term) {
  return term === 0 ? 0 : ((term - 1) % 8) + 1;
}
