# Prints `lines` lines of `words` made-up words of three syllables, drawn by a linear congruential generator: the same
# text on every machine. Use: awk -v lines=3000 -v words=100 -f make-words.awk
BEGIN {
  split("ba ce di fo gu ka le mi no pu ra se ti vo zu sha", syllable, " ");
  state = 1;
  for (line = 0; line < lines; line++) {
    text = "";
    for (word = 0; word < words; word++) {
      state = (state * 69069 + 1) % 4294967296;
      draw = int(state / 65536);
      text = text (word ? " " : "") syllable[draw % 16 + 1] syllable[int(draw / 16) % 16 + 1] syllable[int(draw / 256) % 16 + 1];
    }
    print text;
  }
}
