// Package spelling turns two words into how far apart people's fingers put them: it is
// asked when a name is none that is known, so that the one that was meant can be told.
package spelling

// Distance counts the letters to insert, remove, change or swap with their neighbour
// that make b of a. The libraries for Go that are kept up count a swap, which is the
// commonest slip, as two. It compares bytes: case matters.
func Distance(a, b string) int {
	var before, last, row []int
	for j := range len(b) + 1 {
		row = append(row, j)
	}
	for i := range len(a) {
		before, last, row = last, row, []int{i + 1}
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			best := min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				best = min(best, before[j-1]+1)
			}
			row = append(row, best)
		}
	}
	return row[len(b)]
}
