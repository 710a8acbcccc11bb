"""The pages for people: the API's services and queries, shown as HTML. No page needs JavaScript."""
